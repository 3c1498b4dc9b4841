"""A single JSON-RPC request to a local validator, without a client library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from psyche_cli.errors import RpcError
from psyche_cli.json_values import Json
from psyche_cli.transport import Transport

_SECONDS: Final = 30.0


def call(transport: Transport, method: str, params: Sequence[Json]) -> Json:
    """The result of one RPC method; the transport is closed.

    Raises RpcError with the code and message of a JSON-RPC error, or another NetworkError.
    """
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    try:
        answer = json.loads(transport.send(json.dumps(body).encode(), timeout=_SECONDS))
    finally:
        transport.close()
    if "error" in answer:
        error = answer["error"]
        raise RpcError(f"{method}: {error['message']}", rpc_code=error["code"])
    return answer["result"]
