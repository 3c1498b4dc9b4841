"""JSON-RPC to any endpoint."""
