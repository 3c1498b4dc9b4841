"""JSON-RPC errors as returned by Solana's RPC nodes: codes, messages and data that clients parse."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.solana.rpc.codes import INVALID_PARAMS, INVALID_REQUEST, NODE_UNHEALTHY


class RpcFault(Exception):
    """An error that is returned to the client as a JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> Json:
        """The error object."""
        error = {"code": self.code, "message": self.message}
        return error if self.data is None else {**error, "data": self.data}


UNSUPPORTED_VERSION: Final = RpcFault(INVALID_REQUEST, "Unsupported JSON-RPC protocol version")
"""-32600, for a call without a version. Its answer has none, either."""


def invalid_params(message: str) -> RpcFault:
    """-32602, for a parameter that is missing, malformed or out of range."""
    return RpcFault(INVALID_PARAMS, message)


def node_unhealthy(reason: str) -> RpcFault:
    """-32005, for a health check of a node that currently cannot accept transactions."""
    return RpcFault(NODE_UNHEALTHY, f"Node is unhealthy: {reason}", {"numSlotsBehind": None})


def not_recorded(reason: str) -> RpcFault:
    """-32600, for a change that could not be recorded and did not happen.

    After -32005, a client must assume that a transaction was accepted, and wait until its blockhash expires. This code
    proves that it was not.
    """
    return RpcFault(INVALID_REQUEST, f"Invalid request: {reason}")
