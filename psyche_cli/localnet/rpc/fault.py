"""JSON-RPC errors as Solana's RPC nodes answer them: codes, texts and data that clients parse."""

from __future__ import annotations

import math
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A value ready for ``json.dumps``."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
PREFLIGHT_FAILURE: Final = -32002
SIGNATURE_VERIFICATION_FAILURE: Final = -32003
BLOCK_NOT_AVAILABLE: Final = -32004
NODE_UNHEALTHY: Final = -32005
SLOT_SKIPPED: Final = -32007
UNSUPPORTED_TRANSACTION_VERSION: Final = -32015
MIN_CONTEXT_SLOT_NOT_REACHED: Final = -32016


class RpcFault(Exception):
    """A request that is answered with a JSON-RPC error object."""

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
    """-32602, the answer to a parameter that is missing, malformed or out of range."""
    return RpcFault(INVALID_PARAMS, message)


def node_unhealthy(reason: str) -> RpcFault:
    """-32005, the answer of a node that cannot take transactions at present: nothing was executed."""
    return RpcFault(NODE_UNHEALTHY, f"Node is unhealthy: {reason}", {"numSlotsBehind": None})


def is_identity(value: Json) -> bool:
    """Whether this can be the id of a request: text, a finite number or null."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))
