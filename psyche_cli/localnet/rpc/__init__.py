"""JSON-RPC over the chain: dispatch, parameters, errors."""
