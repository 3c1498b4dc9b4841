"""JSON-RPC errors as returned by Solana's RPC nodes: codes, messages and data that clients parse."""

from __future__ import annotations

import math

from psyche_cli.json_values import Json
from psyche_cli.solana.rpc.codes import INVALID_PARAMS, NODE_UNHEALTHY


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


def invalid_params(message: str) -> RpcFault:
    """-32602, for a parameter that is missing, malformed or out of range."""
    return RpcFault(INVALID_PARAMS, message)


def node_unhealthy(reason: str) -> RpcFault:
    """-32005, from a node that currently cannot accept transactions: nothing was executed."""
    return RpcFault(NODE_UNHEALTHY, f"Node is unhealthy: {reason}", {"numSlotsBehind": None})


def is_identity(value: Json) -> bool:
    """Whether ``value`` is valid as the id of a request: a string, a finite number or null."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))
