"""The JSON-RPC methods, a module per topic."""
