"""The listing of a run's transactions: its addresses, the walks through their transactions, and gaps.

Each method that changes something is one transaction of SQLite, which includes how far the sync has come. So a sync
that is interrupted at any moment continues where it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.history.file import HistoryFile
from psyche_cli.history.rows import to_text
from psyche_cli.solana.rpc.types import AddressSignature

FINALIZED: Final = "finalized"
CONFIRMED: Final = "confirmed"

_LISTED: Final = """
INSERT INTO transactions (signature, slot, commitment, listed_at, block_time, error) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (signature) DO UPDATE SET commitment = excluded.commitment WHERE commitment != 'finalized'
"""
_LISTING: Final = """
INSERT INTO listings SELECT ?, id, ?, ? FROM transactions WHERE signature = ?
ON CONFLICT (address, transaction_id) DO UPDATE SET walk = excluded.walk, step = excluded.step
"""
_WALK: Final = (
    "id, address, role, walk, newest_signature, newest_slot, walk_step, walk_signature, walk_slot, "
    "walk_newest_signature, walk_newest_slot"
)
_GAP: Final = """
SELECT g.id, a.id, a.address, a.role, g.after_signature, g.after_slot, g.before_signature, g.before_slot, g.first_slot
FROM gaps AS g JOIN addresses AS a ON a.id = g.address WHERE g.filled_at IS NULL
"""


class Bound(NamedTuple):
    """A transaction at which a part of a listing begins or ends."""

    signature: str
    slot: int


class Walk(NamedTuple):
    """An address, and the walk through its transactions from the newest to the oldest.

    ``number`` is that of the walk. ``until`` is where it ends (None: at the first transaction). ``step`` is the number
    of transactions that it has listed; ``last`` is the last of them, and ``newest`` the newest finalized one.
    """

    address_id: int
    address: str
    role: str
    number: int
    until: Bound | None
    step: int = 0
    last: Bound | None = None
    newest: Bound | None = None


class OpenGap(NamedTuple):
    """A part of the transactions of an address that is missing: between two transactions, or from the beginning.

    ``first_slot`` is the oldest slot of the endpoint that did not have it.
    """

    gap_id: int
    address_id: int
    address: str
    role: str
    after: Bound | None
    before: Bound | None
    first_slot: int | None


class Listing:
    """The listing of a run's transactions in a file. ``now`` is the time. Methods raise the errors of HistoryFile."""

    def __init__(self, file: HistoryFile, now: int) -> None:
        self._file = file
        self._now = now

    def add_addresses(self, addresses: Mapping[str, str]) -> None:
        """Add addresses with their roles; known ones stay as they are."""
        with self._file.writing() as connection:
            add_addresses(connection, addresses)

    def addresses(self) -> dict[str, str]:
        """All addresses with their roles."""
        with self._file.reading() as connection:
            return dict(connection.execute("SELECT address, role FROM addresses ORDER BY id"))

    def newest(self, address: str) -> Bound | None:
        """The newest finalized transaction of an address that is listed, if any."""
        with self._file.reading() as connection:
            query = "SELECT newest_signature, newest_slot FROM addresses WHERE address = ?"
            return _bound(connection.execute(query, (address,)).fetchone() or (None,))

    # --- walks ------------------------------------------------------------------------------------------------------

    def begin_walks(self, *, only_new: bool = False) -> list[Walk]:
        """Begin a walk for each address, or for those that never had one. Unfinished walks are continued."""
        with self._file.writing() as connection:
            new = "AND walk = 0" if only_new else ""
            connection.execute(f"UPDATE addresses SET walk = walk + 1, walk_step = 0 WHERE walk_step IS NULL {new}")
            rows = connection.execute(
                f"SELECT {_WALK} FROM addresses WHERE walk_step IS NOT NULL ORDER BY id"
            ).fetchall()
        return [_walk(row) for row in rows]

    def add_page(self, walk: Walk, page: Sequence[AddressSignature], finalized_slot: int) -> tuple[Walk, bool]:
        """Add the next page of a walk. Returns the walk after it, and whether it has reached its end.

        An endpoint that does not know the transaction at the end lists older ones too, which ends the walk as well.
        """
        until = -1 if walk.until is None else walk.until.slot
        listed = [one for one in page if one.slot >= until]
        with self._file.writing() as connection:
            self._list(connection, walk.address_id, walk.number, walk.step, listed, finalized_slot)
            newest = walk.newest or next(
                (_bound_of(one) for one in listed if _commitment(one, finalized_slot) == FINALIZED), None
            )
            last = _bound_of(listed[-1]) if listed else walk.last
            walk = walk._replace(step=walk.step + len(listed), last=last, newest=newest)
            connection.execute(
                "UPDATE addresses SET walk_step = ?, walk_signature = ?, walk_slot = ?, walk_newest_signature = ?, "
                "walk_newest_slot = ? WHERE id = ?",
                (walk.step, *_columns(last), *_columns(newest), walk.address_id),
            )
        return walk, not page or len(listed) < len(page)

    def end_walks(self, walks: Iterable[Walk], first_slot: int, lost: Container[int] = ()) -> None:
        """End walks that have reached their end, at an endpoint whose ledger begins at ``first_slot``.

        Records gaps if it begins too late, and for walks on addresses in ``lost`` (their ids), whose last transaction
        the endpoint does not know, so that it cannot list what is before.
        """
        with self._file.writing() as connection:
            for walk in walks:
                begins_at = 0 if walk.until is None else walk.until.slot
                if first_slot > begins_at + 1:
                    self._add_gap(connection, walk, first_slot)
                elif walk.address_id in lost:
                    self._add_gap(connection, walk, None)
                connection.execute(
                    "UPDATE addresses SET newest_signature = ?, newest_slot = ?, walk_step = NULL, "
                    "walk_signature = NULL, walk_slot = NULL, walk_newest_signature = NULL, walk_newest_slot = NULL "
                    "WHERE id = ?",
                    (*_columns(walk.newest or walk.until), walk.address_id),
                )

    def _list(
        self,
        connection: sqlite3.Connection,
        address_id: int,
        walk: int,
        step: int,
        listed: Sequence[AddressSignature],
        finalized_slot: int,
    ) -> None:
        for number, one in enumerate(listed, step):
            signature = str(one.signature)
            query = "SELECT slot FROM transactions WHERE signature = ? AND slot != ?"
            moved = connection.execute(query, (signature, one.slot)).fetchone()
            if moved is not None:
                move(connection, signature, moved[0], one.slot)
            error = None if one.err is None else to_text(one.err)
            values = (signature, one.slot, _commitment(one, finalized_slot), self._now, one.block_time, error)
            connection.execute(_LISTED, values)
            connection.execute(_LISTING, (address_id, walk, number, signature))

    # --- gaps -------------------------------------------------------------------------------------------------------

    def _add_gap(self, connection: sqlite3.Connection, walk: Walk, first_slot: int | None) -> None:
        """Record what a walk could not list. The gap replaces an earlier one after the same transaction."""
        connection.execute(
            "DELETE FROM gaps WHERE address = ? AND after_signature IS ? AND filled_at IS NULL",
            (walk.address_id, _columns(walk.until)[0]),
        )
        values = (walk.address_id, *_columns(walk.until), *_columns(walk.last), first_slot, self._now)
        connection.execute(
            "INSERT INTO gaps (address, after_signature, after_slot, before_signature, before_slot, first_slot, "
            "found_at, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, _reason(first_slot)),
        )

    def gaps(self, first_slot: int | None = None) -> list[OpenGap]:
        """The gaps that are not filled; with ``first_slot``, those that a ledger which begins there may fill."""
        condition = "" if first_slot is None else "AND (g.first_slot IS NULL OR g.first_slot > ?)"
        with self._file.reading() as connection:
            rows = connection.execute(
                f"{_GAP} {condition} ORDER BY g.id", () if first_slot is None else (first_slot,)
            ).fetchall()
        return [_open_gap(row) for row in rows]

    def fill_gap(
        self, gap: OpenGap, page: Sequence[AddressSignature], finalized_slot: int, first_slot: int
    ) -> OpenGap | None:
        """Add the next page of a gap. Returns what is left of it to list, or None at its end.

        At its end, it is filled if the ledger of the endpoint begins early enough.
        """
        after = -1 if gap.after is None else gap.after.slot
        listed = [one for one in page if one.slot >= after]
        with self._file.writing() as connection:
            query = (
                "SELECT l.walk, l.step + 1 FROM listings AS l JOIN transactions AS t ON t.id = l.transaction_id "
                "WHERE l.address = ? AND t.signature = ?"
            )
            before = "" if gap.before is None else gap.before.signature
            walk, step = connection.execute(query, (gap.address_id, before)).fetchone() or (0, 0)
            self._list(connection, gap.address_id, walk, step, listed, finalized_slot)
            gap = gap._replace(before=_bound_of(listed[-1]) if listed else gap.before)
            ended = not page or len(listed) < len(page)
            filled = ended and first_slot <= max(after, 0) + 1
            connection.execute(
                "UPDATE gaps SET before_signature = ?, before_slot = ?, filled_at = ?, "
                "first_slot = coalesce(?, first_slot), reason = coalesce(?, reason) "
                "WHERE id = ?",
                (
                    *_columns(gap.before),
                    self._now if filled else None,
                    first_slot if ended else None,
                    _reason(first_slot) if ended else None,
                    gap.gap_id,
                ),
            )
        return None if ended else gap

    def close_gap(self, gap: OpenGap) -> None:
        """Record that nothing is missing in a gap."""
        with self._file.writing() as connection:
            connection.execute("UPDATE gaps SET filled_at = ? WHERE id = ?", (self._now, gap.gap_id))


def add_addresses(connection: sqlite3.Connection, addresses: Mapping[str, str]) -> int:
    """Add addresses with their roles; known ones stay as they are. Returns the number of new ones."""
    query = "INSERT INTO addresses (address, role) VALUES (?, ?) ON CONFLICT DO NOTHING"
    return sum(connection.execute(query, one).rowcount for one in addresses.items())


def move(connection: sqlite3.Connection, signature: str, old: int, new: int) -> None:
    """A transaction is now in another slot, because it was in a fork that was dropped."""
    query = "DELETE FROM contents WHERE transaction_id = (SELECT id FROM transactions WHERE signature = ?)"
    connection.execute(query, (signature,))
    connection.execute(
        "UPDATE transactions SET slot = ?, fetched_at = NULL, decoder = NULL WHERE signature = ?", (new, signature)
    )
    for slot in (old, new):
        forget_order(connection, slot)


def forget_order(connection: sqlite3.Connection, slot: int) -> None:
    """The order of the transactions in a slot has to be found again, and what follows from it."""
    connection.execute("UPDATE transactions SET position = NULL WHERE slot = ?", (slot,))
    connection.execute("DELETE FROM images WHERE slot >= ?", (slot,))


def _commitment(one: AddressSignature, finalized_slot: int) -> str:
    return FINALIZED if one.commitment == FINALIZED or one.slot <= finalized_slot else CONFIRMED


def _walk(row: Sequence[Any]) -> Walk:
    address_id, address, role, number, *_ = row
    return Walk(address_id, address, role, number, _bound(row[4:6]), row[6], _bound(row[7:9]), _bound(row[9:11]))


def _open_gap(row: Sequence[Any]) -> OpenGap:
    gap_id, address_id, address, role, *_ = row
    return OpenGap(gap_id, address_id, address, role, _bound(row[4:6]), _bound(row[6:8]), row[8])


def _bound(columns: Sequence[Any]) -> Bound | None:
    return None if columns[0] is None else Bound(*columns)


def _bound_of(one: AddressSignature) -> Bound:
    return Bound(str(one.signature), one.slot)


def _columns(bound: Bound | None) -> tuple[str | None, int | None]:
    return (None, None) if bound is None else bound


def _reason(first_slot: int | None) -> str:
    if first_slot is None:
        return "the endpoint does not know the transaction after it"
    return f"the ledger of the endpoint begins at slot {first_slot:,}"
