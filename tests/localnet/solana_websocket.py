"""solana-py's WebSocket client. Importing it warns of its own dependency's age, which is not this project's affair."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from solana.rpc.websocket_api import connect

__all__ = ["connect"]
