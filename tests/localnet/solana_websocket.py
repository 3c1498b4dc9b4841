"""solana-py's WebSocket client, imported without the deprecation warning of its dependency."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from solana.rpc.websocket_api import connect

__all__ = ["connect"]
