"""Bodies of requests over HTTP: which are answered, refused or unreadable."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.localnet.node_answers.asking import Asker

UNREADABLE = {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None}
CALL = {"jsonrpc": "2.0", "id": 1, "method": "getHealth"}
HEALTHY = {"jsonrpc": "2.0", "result": "ok", "id": 1}


def failure(code: int, message: str, identity: Any, data: str | None = None) -> Any:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return {"jsonrpc": "2.0", "error": error, "id": identity}


UNSUPPORTED = {"code": -32600, "message": "Unsupported JSON-RPC protocol version"}
INVALID = failure(-32600, "Invalid request", 1)
BODIES: list[tuple[Any, Any]] = [
    (CALL, HEALTHY),
    (CALL | {"params": None}, HEALTHY),
    (CALL | {"params": []}, HEALTHY),
    (CALL | {"id": "x"}, HEALTHY | {"id": "x"}),
    (CALL | {"id": None}, HEALTHY | {"id": None}),
    (CALL | {"id": 2**64 - 1}, HEALTHY | {"id": 2**64 - 1}),
    ({"jsonrpc": "2.0", "method": "getHealth"}, None),
    ([], None),
    ([{"jsonrpc": "2.0", "method": "getHealth"}], None),
    ([CALL, CALL | {"id": 2, "method": "getNothing"}], [HEALTHY, failure(-32601, "Method not found", 2)]),
    ([CALL, {"id": 3}], [HEALTHY, INVALID | {"id": 3}]),
    (CALL | {"method": "getNothing"}, failure(-32601, "Method not found", 1)),
    (CALL | {"method": "getRecentBlockhash"}, failure(-32601, "Method not found", 1)),
    (CALL | {"params": {}}, failure(-32602, "Invalid parameters: No parameters were expected", 1, "Map({})")),
    (CALL | {"method": "getSlot", "params": {}}, failure(-32602, "`params` should be an array", 1)),
    (
        CALL | {"method": "getBlockTime", "params": {}},
        failure(-32602, "Invalid params: invalid type: map, expected a tuple of size 1.", 1),
    ),
    (
        CALL | {"method": "getBlockTime"},
        failure(-32602, "Invalid params: invalid type: null, expected a tuple of size 1.", 1),
    ),
    (CALL | {"jsonrpc": "1.0"}, INVALID),
    (CALL | {"extra": 1}, INVALID),
    (CALL | {"params": 7}, INVALID),
    (CALL | {"params": "text"}, INVALID),
    ({"jsonrpc": "2.0", "id": 1}, INVALID),
    ({"id": 1, "method": "getSlot"}, {"error": UNSUPPORTED, "id": 1}),
    ({"method": "getSlot"}, None),
    ({}, INVALID | {"id": None}),
    (CALL | {"id": 1.5}, UNREADABLE),
    (CALL | {"id": -1}, UNREADABLE),
    (CALL | {"id": True}, UNREADABLE),
    (CALL | {"id": []}, UNREADABLE),
    ("x", UNREADABLE),
    (7, UNREADABLE),
    (None, UNREADABLE),
    ([CALL, 7], UNREADABLE),
    (b"", UNREADABLE),
    (b"{", UNREADABLE),
    (b"\xff", UNREADABLE),
    (b'{"a":NaN}', UNREADABLE),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_body(asker: Asker, body: Any, expected: Any) -> None:
    status, text = asker.post(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert status == 200
    assert (json.loads(text) if text else None) == expected
