"""JSON-RPC client for Solana nodes."""
