"""Solana client: HTTP transport, typed RPC calls, wallets, transaction sending."""
