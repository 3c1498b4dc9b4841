"""JSON-RPC requests as Solana's nodes read them: which are calls, notifications, invalid or unreadable."""

from __future__ import annotations

from typing import Final, NamedTuple

from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX

_FIELDS: Final = frozenset(("jsonrpc", "method", "params", "id"))


class Unreadable(Exception):
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


def read_request(item: Json) -> Request | InvalidRequest:
    """One request of a body. Raises Unreadable for a value that is no object, and for an impossible id."""
    if not isinstance(item, dict):
        raise Unreadable
    identity = item.get("id")
    if not _is_identity(identity):
        raise Unreadable
    method, params, version = item.get("method"), item.get("params"), item.get("jsonrpc")
    if (
        not isinstance(method, str)
        or not isinstance(params, list | dict | None)
        or version not in ("2.0", None)
        or not _FIELDS.issuperset(item)
    ):
        return InvalidRequest(identity)
    return Request(method, params, identity, "id" not in item, version is not None)


def _is_identity(value: Json) -> bool:
    """Whether ``value`` is valid as the id of a request: a string, an unsigned integer of 64 bits, or null."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 <= value <= U64_MAX
    return value is None or isinstance(value, str)
