"""Rows of a history as JSON values, to copy it into another file.

They do not depend on when and where a history was read: two histories of the same transactions have the same rows,
except for the gaps.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from psyche_cli.history.rows import INNER, WHOLE, from_text, to_text, transaction_of
from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX

_AT_ONCE: Final = 500
_SMALL: Final = U64_MAX >> 1
"""The largest integer of SQLite."""


class _Kind(NamedTuple):
    """A type of column: the type of its JSON value, and the conversions from the column and back."""

    accepts: Callable[[Json], bool]
    from_column: Callable[[Any], Json] = lambda value: value
    to_column: Callable[[Json], Any] = lambda value: value


def _optional(kind: _Kind) -> _Kind:
    return _Kind(
        lambda value: value is None or kind.accepts(value),
        lambda value: None if value is None else kind.from_column(value),
        lambda value: None if value is None else kind.to_column(value),
    )


_NUMBER: Final = _Kind(lambda value: type(value) is int and abs(value) <= _SMALL)
_FLAG: Final = _Kind(lambda value: type(value) is bool, bool, int)
_TEXT: Final = _Kind(lambda value: type(value) is str)
_VALUE: Final = _Kind(lambda _: True, from_text, to_text)
_BYTES: Final = _Kind(
    lambda value: type(value) is str,
    lambda value: base64.b64encode(value).decode(),
    lambda value: base64.b64decode(value, validate=True),
)


class Part(NamedTuple):
    """A part of a history: its columns with their kinds, the query for them, and what inserts a row of them.

    Events have nothing that inserts them, because they are decoded again.
    """

    columns: tuple[tuple[str, _Kind], ...]
    query: str = ""
    insert: str = ""
    check: Callable[[dict[str, Any]], None] = lambda _: None

    def rows(self, connection: sqlite3.Connection) -> Iterator[dict[str, Json]]:
        """The rows in a fixed order. Raises ValueError, TypeError for a damaged history."""
        for row in connection.execute(self.query):
            pairs = zip(self.columns, row, strict=True)
            yield {name: kind.from_column(value) for (name, kind), value in pairs}

    def read(self, record: Json) -> dict[str, Any]:
        """The values of the columns in a row from elsewhere. Raises ValueError, TypeError, KeyError."""
        values = {}
        for name, kind in self.columns:
            value = record[name]
            if not kind.accepts(value):
                raise ValueError(f"{name} has an invalid value")
            values[name] = kind.to_column(value)
        self.check(values)
        return values


def write_rows(connection: sqlite3.Connection, part: Part, rows: Iterable[dict[str, Any]]) -> None:
    """Add rows that ``Part.read`` has returned."""
    rest = iter(rows)
    while portion := list(islice(rest, _AT_ONCE)):
        connection.executemany(part.insert, portion)


def _check_content(values: dict[str, Any]) -> None:
    """Refuse a content that cannot be decoded, or that is not that of its transaction."""
    outer = (values["signature"], 0, 0, "", None, 0, "", None, None)
    found = transaction_of((*outer, *(values[name] for name in INNER)))
    message = found.message
    if str(message.signature) != found.signature:
        raise ValueError("a content is that of another transaction")
    count = len(message.accounts)
    if not len(found.lamports_before) == len(found.lamports_after) == count:
        raise ValueError("the number of balances differs from the number of accounts")
    if any(not 0 <= one.account < count for one in (*found.tokens_before, *found.tokens_after)):
        raise ValueError("a token balance of an account that does not exist")
    if any(max(one.program, *one.accounts, 0) >= count for one in found.inner):
        raise ValueError("an instruction names an account that the transaction does not have")
    found.executed(message)


def _names(*names: str) -> str:
    return ", ".join(names)


ADDRESSES: Final = Part(
    (("address", _TEXT), ("role", _TEXT)),
    "SELECT address, role FROM addresses ORDER BY role, address",
    "INSERT INTO addresses (address, role) VALUES (:address, :role)",
)

_INCARNATION: Final = (
    ("number", _NUMBER),
    ("coordinator_account", _TEXT),
    ("created_by", _optional(_TEXT)),
    ("created_slot", _optional(_NUMBER)),
    ("closed_by", _optional(_TEXT)),
    ("closed_slot", _optional(_NUMBER)),
    ("main_authority", _optional(_TEXT)),
    ("join_authority", _optional(_TEXT)),
    ("treasurer_run", _optional(_TEXT)),
    ("vault", _optional(_TEXT)),
)
INCARNATIONS: Final = Part(
    _INCARNATION,
    f"SELECT {_names(*(name for name, _ in _INCARNATION))} FROM incarnations ORDER BY number",
    f"INSERT INTO incarnations VALUES ({_names(*(f':{name}' for name, _ in _INCARNATION))})",
)

GAPS: Final = Part(
    (
        ("address", _TEXT),
        ("after_signature", _optional(_TEXT)),
        ("after_slot", _optional(_NUMBER)),
        ("before_signature", _optional(_TEXT)),
        ("before_slot", _optional(_NUMBER)),
        ("first_slot", _optional(_NUMBER)),
        ("found_at", _NUMBER),
        ("reason", _TEXT),
    ),
    "SELECT a.address, g.after_signature, g.after_slot, g.before_signature, g.before_slot, g.first_slot, g.found_at, "
    "g.reason FROM gaps AS g JOIN addresses AS a ON a.id = g.address WHERE g.filled_at IS NULL "
    "ORDER BY a.role, a.address, g.before_slot, g.after_slot",
    "INSERT INTO gaps (address, after_signature, after_slot, before_signature, before_slot, first_slot, found_at, "
    "reason) VALUES ((SELECT id FROM addresses WHERE address = :address), :after_signature, :after_slot, "
    ":before_signature, :before_slot, :first_slot, :found_at, :reason)",
)

_ORDER: Final = "ORDER BY t.slot, t.position, t.signature"
_TRANSACTION: Final = (
    ("signature", _TEXT),
    ("slot", _NUMBER),
    ("position", _optional(_NUMBER)),
    ("ordered_by", _optional(_TEXT)),
    ("commitment", _TEXT),
    ("block_time", _optional(_NUMBER)),
    ("error", _optional(_VALUE)),
    ("absent", _optional(_TEXT)),
    ("of_run", _FLAG),
    ("milestone", _FLAG),
    ("fee", _optional(_NUMBER)),
    ("payer", _optional(_TEXT)),
    ("units", _optional(_NUMBER)),
)
TRANSACTIONS: Final = Part(
    (*_TRANSACTION, ("fetched", _FLAG), ("addresses", _VALUE)),
    f"SELECT {_names(*(f't.{name}' for name, _ in _TRANSACTION))}, t.fetched_at IS NOT NULL, "
    "(SELECT json_group_array(address) FROM (SELECT a.address FROM listings AS l JOIN addresses AS a "
    "ON a.id = l.address WHERE l.transaction_id = t.id ORDER BY a.address)) "
    f"FROM transactions AS t {_ORDER}",
    f"INSERT INTO transactions ({_names(*(name for name, _ in _TRANSACTION))}, listed_at, fetched_at) "
    f"VALUES ({_names(*(f':{name}' for name, _ in _TRANSACTION))}, 0, CASE WHEN :fetched THEN 0 END)",
)
"""``addresses`` are those whose transactions it was listed among."""

LISTINGS: Final = Part(
    (("signature", _TEXT), ("addresses", _VALUE)),
    insert="INSERT INTO listings SELECT a.id, t.id, 0, 0 FROM json_each(:addresses) AS one "
    "JOIN addresses AS a ON a.address = one.value JOIN transactions AS t ON t.signature = :signature",
)
"""The part of a transaction that is in another table."""

CONTENTS: Final = Part(
    (("signature", _TEXT), ("content", _BYTES), *((name, _VALUE) for name in INNER[1:])),
    f"SELECT t.signature, {_names(*(f'c.{name}' for name in INNER))} FROM {WHOLE} {_ORDER}",
    f"INSERT INTO contents SELECT id, {_names(*(f':{name}' for name in INNER))} FROM transactions "
    "WHERE signature = :signature AND fetched_at IS NOT NULL",
    _check_content,
)

_EVENT: Final = (
    ("instruction", _NUMBER),
    ("inner_call", _NUMBER),
    ("program", _TEXT),
    ("kind", _TEXT),
    ("signers", _VALUE),
    ("accounts", _VALUE),
    ("arguments", _VALUE),
    ("effects", _VALUE),
    ("failed", _FLAG),
    ("error", _optional(_TEXT)),
)
EVENTS: Final = Part(
    (("signature", _TEXT), *_EVENT),
    f"SELECT t.signature, {_names(*(f'e.{name}' for name, _ in _EVENT))} "
    f"FROM transactions AS t JOIN events AS e ON e.transaction_id = t.id {_ORDER}, e.instruction, e.inner_call",
)
