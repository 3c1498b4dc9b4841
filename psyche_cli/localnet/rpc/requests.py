"""JSON-RPC requests as Solana's nodes read them: which are calls, notifications, invalid or unreadable."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from psyche_cli.json_values import STRICT_DECODER, Json, refuse_constant
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.solana.rpc.codes import INVALID_REQUEST, PARSE_ERROR

MAX_BATCH: Final = 1000
"""The maximum number of requests in a batch. A node accepts 50 kB, which is about as many of the smallest requests."""

_MAX_VALUES: Final = 32_768
"""The maximum number of JSON values in a large body. All pubkeys that fit into one are fewer."""

_LARGE: Final = 64 * 1024
_MAX_DEPTH: Final = 127
"""How deep arrays and objects may be nested, as on a node (serde_json)."""

_FIELDS: Final = frozenset(("jsonrpc", "method", "params", "id"))
_ESCAPED_LETTER: Final = "\\u00"


class _Repeating(dict[str, Json]):
    """An object in which the names ``repeated`` occur several times. It has the last values."""

    repeated: frozenset[str]


class _Unreadable(Exception):
    """The whole body is answered as text that is not JSON."""


class Request(NamedTuple):
    """A well-formed request. A notification is not answered; without ``has_version``, a call is refused."""

    method: str
    params: Json
    identity: Json
    is_notification: bool
    has_version: bool


class InvalidRequest(NamedTuple):
    """An object that is not a request; the answer has its id, or null."""

    identity: Json


class Body(NamedTuple):
    """The requests of a body, of which ``is_batch`` is true for an array."""

    requests: list[Request | InvalidRequest]
    is_batch: bool


def read_body(body: bytes | str) -> Body:
    """The requests in a body. Raises RpcFault for one that is not answered otherwise."""
    try:
        return _read_body(body if isinstance(body, str) else body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError, _Unreadable) as error:
        raise RpcFault(PARSE_ERROR, "Parse error") from error


def _read_body(text: str) -> Body:
    if len(text) > _LARGE and sum(map(text.count, ",[{")) > _MAX_VALUES:
        raise RpcFault(INVALID_REQUEST, f"Too many values in a body; max {_MAX_VALUES}")
    content = STRICT_DECODER.decode(text)
    if isinstance(content, list | dict) and _may_repeat_fields(text, content):
        content = _REPEATING_DECODER.decode(text)
    if text.count("[") + text.count("{") > _MAX_DEPTH and _is_too_deep(content):
        raise _Unreadable
    if not isinstance(content, list):
        return Body([_read_request(content)], is_batch=False)
    if len(content) > MAX_BATCH:
        raise RpcFault(INVALID_REQUEST, f"Too many requests in a batch; max {MAX_BATCH}")
    return Body(list(map(_read_request, content)), is_batch=True)


def _may_repeat_fields(text: str, content: list[Json] | dict[str, Json]) -> bool:
    """Whether a field of a request may occur several times in it. False saves the slow search for such fields."""
    if isinstance(content, list):
        objects = [one for one in content if isinstance(one, dict)]
        return _ESCAPED_LETTER in text or any(
            text.count(f'"{name}"') > sum(name in one for one in objects) for name in _FIELDS
        )
    if text.count(":") == len(content):
        return False
    count = text.count
    return (
        count('"id"') > 1
        or count('"method"') > 1
        or count('"params"') > 1
        or count('"jsonrpc"') > 1
        or _ESCAPED_LETTER in text
    )


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    seen, repeated = set[str](), set[str]()
    for name, _ in pairs:
        (repeated if name in seen else seen).add(name)
    repeating.repeated = frozenset(repeated)
    return repeating


_REPEATING_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant, object_pairs_hook=_object)


def _is_too_deep(content: Json) -> bool:
    level = [content]
    for _ in range(_MAX_DEPTH):
        level = [inner for value in level if isinstance(value, list | dict) for inner in _inner(value)]
    return any(isinstance(value, list | dict) for value in level)


def _inner(value: list[Json] | dict[str, Json]) -> Iterable[Json]:
    return value if isinstance(value, list) else value.values()


def _read_request(item: Json) -> Request | InvalidRequest:
    if not isinstance(item, dict):
        raise _Unreadable
    identity = item.get("id")
    repeated = item.repeated if isinstance(item, _Repeating) else frozenset[str]()
    if not _is_identity(identity) or "id" in repeated:
        raise _Unreadable
    method, params, version = item.get("method"), item.get("params"), item.get("jsonrpc")
    if (
        not isinstance(method, str)
        or not isinstance(params, list | dict | None)
        or version not in ("2.0", None)
        or not _FIELDS.issuperset(item)
        or repeated
    ):
        return InvalidRequest(identity)
    return Request(method, params, identity, "id" not in item, version is not None)


def _is_identity(value: Json) -> bool:
    """Whether ``value`` is valid as the id of a request: a string, an unsigned integer of 64 bits, or null."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 <= value <= U64_MAX
    return value is None or isinstance(value, str)
