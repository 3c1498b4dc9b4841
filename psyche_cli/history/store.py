"""What a history contains: reading it, and adding what was decoded from it.

Everything that may be long is an iterator, which reads the file in portions. The file may change between two of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from psyche_cli.history.file import HistoryFile
from psyche_cli.history.records import Event, Gap, Incarnation, Place, RawTransaction
from psyche_cli.history.rows import COLUMNS, WHOLE, from_text, to_text, transaction_of

BEGINNING: Final = Place(-1, 0)
"""Before all transactions."""

_PORTION: Final = 500
_EVENT: Final = (
    "t.signature, e.instruction, e.inner_call, e.program, e.kind, e.signers, e.accounts, e.arguments, e.effects, "
    "e.failed, e.error"
)
_AUTHORIZER_KINDS: Final = (
    *("authorization_create", "authorization_grantor_update", "authorization_grantee_update", "authorization_close"),
)
_GAPS: Final = """
SELECT a.address, g.after_signature, g.before_signature, NULL, g.first_slot, g.found_at, g.reason
FROM gaps AS g JOIN addresses AS a ON a.id = g.address WHERE g.filled_at IS NULL
ORDER BY a.role, a.address, g.before_slot, g.after_slot
"""
_ABSENT: Final = """
SELECT a.address, NULL, NULL, t.signature, NULL, t.listed_at, t.absent, t.slot
FROM transactions AS t JOIN addresses AS a
ON a.id = (SELECT address FROM listings WHERE transaction_id = t.id ORDER BY address LIMIT 1)
WHERE t.fetched_at IS NULL AND t.absent IS NOT NULL AND (t.slot, t.signature) > (?, ?)
ORDER BY t.slot, t.signature LIMIT ?
"""


class PlacedEvent(NamedTuple):
    """An event with the place, time and fee of its transaction, for a reader."""

    place: Place
    block_time: int | None
    fee: int
    commitment: str
    event: Event


class Totals(NamedTuple):
    """Numbers of transactions: known, with their content, and failed ones; of events, and of gaps that are not filled.

    ``synced_slot`` is the slot up to which the history is complete, except for the gaps; None if it never was.
    """

    transactions: int
    fetched: int
    failed: int
    events: int
    gaps: int
    synced_at: int | None
    synced_slot: int | None


class History:
    """The history in a file. Methods raise HistoryError, HistoryDamaged and HistoryTooNew."""

    def __init__(self, file: HistoryFile) -> None:
        self.searched_at: int | None = None
        """When authorizations were last searched, or the history was first read with this object."""
        self.file = file

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    # --- transactions -----------------------------------------------------------------------------------------------

    def transactions(
        self, *, after: Place = BEGINNING, until: Place | None = None, only_undecoded: bool = False
    ) -> Iterator[RawTransaction]:
        """The run's transactions after a place, and up to and including another one, in the order of execution.

        Those whose content or place is not known are left out. With ``only_undecoded``, only those without events.
        """
        condition, more = "t.of_run AND (t.slot, t.position) > (?, ?)", list[int]()
        if until is not None:
            condition, more = f"{condition} AND (t.slot, t.position) <= (?, ?)", [*until]
        if only_undecoded:
            condition = f"{condition} AND t.decoder IS NULL"
        query = f"SELECT {COLUMNS} FROM {WHOLE} WHERE {condition} ORDER BY t.slot, t.position LIMIT {_PORTION}"
        while True:
            with self._reading() as connection:
                found = [transaction_of(row) for row in connection.execute(query, (*after, *more))]
            yield from found
            if len(found) < _PORTION:
                return
            after = found[-1].place

    def transaction(self, signature: str) -> RawTransaction | None:
        """A transaction; None if it is not known, or its content or place is not."""
        condition = "t.signature = ? AND t.position IS NOT NULL AND t.of_run"
        with self._reading() as connection:
            row = connection.execute(f"SELECT {COLUMNS} FROM {WHOLE} WHERE {condition}", (signature,)).fetchone()
            return None if row is None else transaction_of(row)

    def place_of(self, signature: str) -> list[tuple[str, Place]]:
        """The transactions whose signatures begin with a text, and their places; at most two of them."""
        condition = "of_run AND position IS NOT NULL AND signature >= ? AND signature < ?"
        query = f"SELECT signature, slot, position FROM transactions WHERE {condition} LIMIT 2"
        with self._reading() as connection:
            rows = connection.execute(query, (signature, f"{signature}~")).fetchall()
        return [(found, Place(slot, position)) for found, slot, position in rows]

    def places_until(self, place: Place, most: int) -> list[Place]:
        """The places of the latest transactions up to a place, the latest first."""
        query = (
            "SELECT slot, position FROM transactions WHERE of_run AND (slot, position) <= (?, ?) "
            "ORDER BY slot DESC, position DESC LIMIT ?"
        )
        with self._reading() as connection:
            return [Place(*row) for row in connection.execute(query, (*place, most))]

    def newest(self) -> int:
        """A number that every transaction which is added later exceeds."""
        with self._reading() as connection:
            [number] = connection.execute("SELECT max(id) FROM transactions").fetchone()
        return 0 if number is None else int(number)

    def added_after(self, number: int) -> dict[str, Place]:
        """The places of the transactions that were added after ``newest`` returned a number, by their signatures."""
        query = "SELECT signature, slot, position FROM transactions WHERE id > ? AND of_run AND decoder IS NOT NULL"
        with self._reading() as connection:
            rows = connection.execute(f"{query} AND position IS NOT NULL", (number,)).fetchall()
        return {signature: Place(slot, position) for signature, slot, position in rows}

    def last_slot(self, time: int) -> int:
        """The slot of the last transaction up to a time in seconds since 1970; -1 if there is none."""
        query = "SELECT max(slot) FROM transactions WHERE block_time <= ?"
        with self._reading() as connection:
            [slot] = connection.execute(query, (time,)).fetchone()
        return -1 if slot is None else int(slot)

    def count(self, *, after: Place = BEGINNING, until: Place) -> int:
        """The number of transactions after a place, and up to and including another one, that ``transactions`` has."""
        with self._reading() as connection:
            [number] = connection.execute(
                f"SELECT count(*) FROM {WHOLE} WHERE t.of_run AND (t.slot, t.position) > (?, ?) "
                "AND (t.slot, t.position) <= (?, ?)",
                (*after, *until),
            ).fetchone()
        return int(number)

    def signatures(self, *, after: Place, until: Place) -> list[str]:
        """The signatures of the transactions after a place, and up to and including another one, in order."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT t.signature FROM {WHOLE} WHERE t.of_run AND (t.slot, t.position) > (?, ?) "
                "AND (t.slot, t.position) <= (?, ?) ORDER BY t.slot, t.position",
                (*after, *until),
            )
            return [signature for (signature,) in rows]

    # --- events -----------------------------------------------------------------------------------------------------

    def events(
        self, *, after: Place = BEGINNING, until: Place | None = None, kinds: Sequence[str] = ()
    ) -> Iterator[PlacedEvent]:
        """The events after a place, and up to and including another one, in the order of execution.

        ``kinds`` limits them to some kinds.
        """
        start: tuple[int, ...] = (*after, 1 << 62, 0)
        condition, more = "(t.slot, t.position, e.instruction, e.inner_call) > (?, ?, ?, ?)", list[Any]()
        if until is not None:
            condition, more = f"{condition} AND (t.slot, t.position) <= (?, ?)", [*until]
        if kinds:  # the plus keeps SQLite from sorting all events of these kinds for each portion
            condition = f"{condition} AND +e.kind IN ({', '.join('?' * len(kinds))})"
            more += kinds
        query = (
            f"SELECT t.slot, t.position, t.block_time, t.fee, t.commitment, {_EVENT} "
            "FROM transactions AS t JOIN events AS e ON e.transaction_id = t.id "
            f"WHERE (t.slot, t.position) >= (?, ?) AND {condition} "
            f"ORDER BY t.slot, t.position, e.instruction, e.inner_call LIMIT {_PORTION}"
        )
        while True:
            with self._reading() as connection:
                found = [_placed_event(row) for row in connection.execute(query, (*start[:2], *start, *more))]
            yield from found
            if len(found) < _PORTION:
                return
            last = found[-1]
            start = (*last.place, last.event.outer, last.event.inner)

    def authorizer_events(self) -> list[PlacedEvent]:
        """The events of the authorizer in the order of execution, which are few."""
        query = (
            f"SELECT t.slot, t.position, t.block_time, t.fee, t.commitment, {_EVENT} "
            "FROM events AS e JOIN transactions AS t ON t.id = e.transaction_id "
            f"WHERE e.kind IN ({', '.join('?' * len(_AUTHORIZER_KINDS))}) AND e.program = 'authorizer' "
            "ORDER BY t.slot, t.position, e.instruction, e.inner_call"
        )
        with self._reading() as connection:
            return [_placed_event(row) for row in connection.execute(query, _AUTHORIZER_KINDS)]

    def write_events(self, decoded: Iterable[tuple[str, Sequence[Event]]], decoder: int) -> None:
        """Replace the events of transactions, given by their signatures, in one change of the file.

        ``decoder`` is the version of the decoder.
        """
        places = ", ".join("?" * 11)
        with self.file.writing() as connection:
            for signature, events in decoded:
                row = connection.execute("SELECT id FROM transactions WHERE signature = ?", (signature,)).fetchone()
                if row is None:  # dropped with a fork in the meantime
                    continue
                connection.execute("UPDATE transactions SET decoder = ? WHERE id = ?", (decoder, *row))
                connection.execute("DELETE FROM events WHERE transaction_id = ?", row)
                rows = [(row[0], *_event_row(event)) for event in events]
                connection.executemany(f"INSERT INTO events VALUES ({places})", rows)

    def forget_events(self, decoder: int) -> None:
        """Want the events of transactions again that were not written by this version of the decoder."""
        with self.file.writing() as connection:
            connection.execute(
                "UPDATE transactions SET decoder = NULL WHERE decoder < ? OR decoder > ?", (decoder,) * 2
            )

    # --- images -----------------------------------------------------------------------------------------------------

    def image(self, account: str, at: Place, decoder: int) -> tuple[Place, bytes | None] | None:
        """The latest image of an account after the transaction at a place or an earlier one, with its place.

        None if there is none by this version of the decoder. The bytes are those given to ``write_image``.
        """
        query = (
            "SELECT slot, position, data FROM images WHERE account = ? AND decoder = ? AND (slot, position) <= (?, ?) "
            "ORDER BY slot DESC, position DESC LIMIT 1"
        )
        with self._reading() as connection:
            row = connection.execute(query, (account, decoder, *at)).fetchone()
        return None if row is None else (Place(row[0], row[1]), row[2])

    def write_image(self, account: str, place: Place, data: bytes | None, decoder: int) -> None:
        """Keep the compressed image of an account after the transaction at a place; None if it did not exist then.

        It is removed when the order of the transactions up to there changes.
        """
        with self.file.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO images (account, slot, position, decoder, data) VALUES (?, ?, ?, ?, ?)",
                (account, *place, decoder, data),
            )

    # --- the whole --------------------------------------------------------------------------------------------------

    def incarnations(self) -> list[Incarnation]:
        """All incarnations, the first one first."""
        with self._reading() as connection:
            rows = connection.execute("SELECT * FROM incarnations ORDER BY number").fetchall()
        return [Incarnation(*row) for row in rows]

    def gaps(self) -> Iterator[Gap]:
        """What is missing: parts of the history, then single transactions."""
        with self._reading() as connection:
            parts = [Gap(*row) for row in connection.execute(_GAPS)]
        yield from parts
        after = (-1, "")
        while True:
            with self._reading() as connection:
                rows = connection.execute(_ABSENT, (*after, _PORTION)).fetchall()
            yield from (Gap(*row[:-1]) for row in rows)
            if len(rows) < _PORTION:
                return
            after = (rows[-1][-1], rows[-1][3])

    def totals(self) -> Totals:
        """How much the history contains."""
        with self._reading() as connection:
            counts = connection.execute(
                "SELECT count(*), count(fetched_at), count(error), count(absent) FROM transactions WHERE of_run"
            ).fetchone()
            [events] = connection.execute("SELECT count(*) FROM events").fetchone()
            [gaps] = connection.execute("SELECT count(*) FROM gaps WHERE filled_at IS NULL").fetchone()
            row = connection.execute("SELECT synced_at, synced_slot FROM run").fetchone() or (None, None)
        known, fetched, failed, absent = counts
        return Totals(known, fetched, failed, events, gaps + absent, *row)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self.file.reading() as connection:
            try:
                yield connection
            except (ValueError, TypeError) as error:
                raise sqlite3.DatabaseError(f"a row cannot be decoded ({error})") from error


def _placed_event(row: Sequence[Any]) -> PlacedEvent:
    slot, position, block_time, fee, commitment, *rest = row
    event = Event(*rest)
    event = event._replace(
        signers=tuple(from_text(event.signers)),
        accounts=from_text(event.accounts),
        arguments=from_text(event.arguments),
        effects=from_text(event.effects),
        failed=bool(event.failed),
    )
    return PlacedEvent(Place(slot, position), block_time, fee, commitment, event)


def _event_row(event: Event) -> tuple[Any, ...]:
    return (
        *event[1:5],
        to_text(event.signers),
        to_text(event.accounts),
        to_text(event.arguments),
        to_text(event.effects),
        int(event.failed),
        event.error,
    )
