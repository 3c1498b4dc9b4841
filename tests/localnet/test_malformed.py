"""Malformed JSON-RPC requests: each gets an error response, and the next request is served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from psyche_cli.localnet.rpc.dispatcher import all_methods
from tests.localnet.harness import HEALTH, Chain, start_chain
from tests.support.counts import repetitions

HEALTHY = {"jsonrpc": "2.0", "result": "ok", "id": 1}


def answer(chain: Chain, body: bytes) -> Any:
    answered = chain.dispatcher.handle(body)
    assert json.loads(chain.dispatcher.handle(HEALTH)) == HEALTHY
    return json.loads(answered) if answered else None


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"}", b"nonsense", b"\xff\xfe\x00", b'{"a":NaN}', b"[" * 10_000, b'"' + b"a" * 1000, b"[1,]"],
)
def test_not_json(chain: Chain, body: bytes) -> None:
    assert answer(chain, body) == {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None}


@pytest.mark.parametrize(
    "request_",
    [None, 1, "getHealth", True, [7], {"method": "getHealth", "id": {}}, {"method": "getHealth", "id": True},
     {"method": "getHealth", "id": -1}, {"method": "getHealth", "id": 1.5}, {"method": "getHealth", "id": 2**64}],
)  # fmt: skip
def test_a_value_or_id_that_no_request_can_have_is_unreadable(chain: Chain, request_: Any) -> None:
    unreadable = {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": None}
    assert answer(chain, json.dumps(request_).encode()) == unreadable


@pytest.mark.parametrize(
    "request_",
    [{}, {"id": 1}, {"method": 1, "id": 1}, {"method": "getHealth", "id": 1, "jsonrpc": "1.0"},
     {"method": "getHealth", "id": "x", "jsonrpc": 2.0}, {"method": "getHealth", "id": 1, "jsonrpc": "2.0", "more": 1},
     {"method": "getHealth", "id": 1, "params": 5}, {"method": "getHealth", "id": 1, "params": "text"}],
)  # fmt: skip
def test_not_a_request(chain: Chain, request_: Any) -> None:
    failed = answer(chain, json.dumps(request_).encode())
    assert failed["error"] == {"code": -32600, "message": "Invalid request"}
    assert failed["id"] == request_.get("id")


@pytest.mark.parametrize(
    ("request_", "code", "identity"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"getHealth","method":"getHealth"}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"getHealth","params":[],"params":[]}', -32600, 1),
        (b'{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"getHealth"}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"getHealth","m\\u0065thod":"getHealth"}', -32600, 1),
        (b'{"jsonrpc":"2.0","id":1,"method":"getHealth","id":1}', -32700, None),
        (b'[{"jsonrpc":"2.0","id":1,"method":"getHealth"},{"id":1,"id":2,"method":"getHealth"}]', -32700, None),
        (b'[{"jsonrpc":"2.0","method":"getHealth"},{"id":1,"id":2,"method":"getHealth"}]', -32700, None),
    ],
)
def test_a_repeated_field_of_a_request_is_refused(chain: Chain, request_: bytes, code: int, identity: Any) -> None:
    """A node reads requests with serde, which accepts none of its fields twice."""
    refused = answer(chain, request_)
    assert (refused["error"]["code"], refused["id"]) == (code, identity)


def test_a_repeated_name_in_parameters_has_its_last_value(chain: Chain) -> None:
    """A node reads parameters into maps, in which the last value of a name replaces the others."""
    config = b'{"encoding":"base58","method":1,"method":2,"encoding":"base64"}'
    body = b'{"jsonrpc":"2.0","id":1,"method":"getAccountInfo","params":["%b",%b]}' % (b"1" * 32, config)
    assert answer(chain, body)["result"]["value"]["data"][1] == "base64"


def test_arrays_and_objects_are_nested_as_deep_as_on_a_node(chain: Chain) -> None:
    def nested(arrays: int) -> bytes:
        params = b"[" * arrays + b"]" * arrays
        return b'{"jsonrpc":"2.0","id":1,"method":"getHealth","params":' + params + b"}"

    assert answer(chain, nested(126))["error"]["code"] == -32602
    for arrays in (127, 300, 900):
        assert answer(chain, nested(arrays))["error"] == {"code": -32700, "message": "Parse error"}
        assert answer(chain, b"[" + nested(arrays - 1) + b"]")["error"]["code"] == -32700


@pytest.mark.parametrize("values", [b"{}", b"1", b"[1]", b'{"id":1}'])
def test_large_body_has_a_maximum_of_values(chain: Chain, values: bytes) -> None:
    def body(count: int) -> bytes:
        params = b",".join([values] * count)
        return b'{"jsonrpc":"2.0","id":1,"method":"getVersion","params":[' + params + b"]}" + b" " * 65536

    assert answer(chain, body(10_000))["error"]["code"] == -32602
    error = {"code": -32600, "message": "Too many values in a body; max 32768"}
    assert answer(chain, body(40_000)) == {"jsonrpc": "2.0", "error": error, "id": None}


def test_long_text_is_shown_as_a_node_does(chain: Chain) -> None:
    text = 'a"b\\c\n\x01\u00e9\u00ad' * 1000
    body = {"jsonrpc": "2.0", "id": 1, "method": "getHealth", "params": [text]}
    shown = r"a\"b\\c\n\u{1}\u00e9\u{ad}".replace(r"\u00e9", "\u00e9") * 1000
    assert answer(chain, json.dumps(body).encode())["error"]["data"] == f'Array([String("{shown}")])'


@pytest.mark.parametrize("version", [{}, {"jsonrpc": None}])
def test_a_call_without_version_is_refused(chain: Chain, version: Any) -> None:
    error = {"code": -32600, "message": "Unsupported JSON-RPC protocol version"}
    assert answer(chain, json.dumps({"id": 1, "method": "getHealth", **version}).encode()) == {"error": error, "id": 1}
    assert answer(chain, json.dumps({"method": "getHealth", **version}).encode()) is None


def test_an_empty_batch_has_no_answer(chain: Chain) -> None:
    assert answer(chain, b"[]") is None


def test_unknown_method(chain: Chain) -> None:
    failed = answer(chain, b'{"jsonrpc":"2.0","id":"x","method":"getNothing","params":[]}')
    assert failed == {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "x"}


@pytest.mark.parametrize("params", [{}, {"address": "x"}])
def test_params_must_be_positional(chain: Chain, params: Any) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 3, "method": "getBalance", "params": params}).encode()
    assert answer(chain, body)["error"]["code"] == -32602


@pytest.mark.parametrize("params", ['"params":null,', '"params":[],', ""])
def test_absent_null_and_empty_params_are_the_same(chain: Chain, params: str) -> None:
    assert answer(chain, f'{{"jsonrpc":"2.0",{params}"id":1,"method":"getHealth"}}'.encode()) == HEALTHY


def test_batch_answers_each_and_leaves_notifications_out(chain: Chain) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "getHealth"},
        {"jsonrpc": "2.0", "method": "getHealth"},
        {"id": 7},
        {"jsonrpc": "2.0", "id": None, "method": "getNothing"},
        {"jsonrpc": "2.0", "id": "last", "method": "getSlot"},
    ]
    answers = answer(chain, json.dumps(batch).encode())
    assert [(item["id"], item.get("result"), item.get("error", {}).get("code")) for item in answers] == [
        (1, "ok", None),
        (7, None, -32600),
        (None, None, -32601),
        ("last", 1, None),
    ]


def test_notification_gets_no_answer(chain: Chain) -> None:
    assert answer(chain, b'{"jsonrpc":"2.0","method":"getHealth"}') is None
    assert answer(chain, b'[{"jsonrpc":"2.0","method":"getHealth"}]') is None


SHARED = start_chain()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)
options = st.dictionaries(
    st.sampled_from(
        ["encoding", "commitment", "filters", "dataSlice", "limit", "before", "accounts", "minContextSlot"]
    ),
    json_values,
    max_size=3,
)
params = st.lists(json_values | options | st.just("11111111111111111111111111111111"), max_size=4)


@settings(max_examples=repetitions(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(all_methods())), params)
def test_any_params_of_any_method_give_a_result_or_a_known_error(method: str, params: list[Any]) -> None:
    answer = SHARED.call(method, *params)
    if "error" in answer:
        code = answer["error"]["code"]
        assert code != -32603 or answer["error"]["message"].startswith("airdrop request failed"), (answer, SHARED.log)
        assert -32700 <= code <= -32000


@settings(max_examples=repetitions(200), deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    found = json.loads(SHARED.dispatcher.handle(body) or "[]")  # nothing for b"[]"
    answers = found if isinstance(found, list) else [found]  # a list for b"[{}]"
    assert {each["error"]["code"] for each in answers} in ({-32700}, {-32600}, set())
    assert json.loads(SHARED.dispatcher.handle(HEALTH)) == HEALTHY
