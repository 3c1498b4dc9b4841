"""The order of a run's transactions within slots, and the incarnations that follow from it.

The endpoint lists the transactions of one address in the order of execution. Where the transactions of a slot are not
all listed for one address, the block of the slot has their order.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from psyche_cli.history.discovery import Milestone, discover
from psyche_cli.history.file import HistoryFile
from psyche_cli.history.records import Incarnation, RawTransaction
from psyche_cli.history.rows import COLUMNS, WHOLE, transaction_of
from psyche_cli.protocol.programs import ProgramIds

_PORTION: Final = 500
_UNPLACED: Final = "SELECT DISTINCT slot FROM transactions WHERE position IS NULL AND of_run AND slot > ?"
_IN_SLOT: Final = """
SELECT t.id, t.signature, l.address, l.walk, l.step FROM transactions AS t
JOIN listings AS l ON l.transaction_id = t.id WHERE t.slot = ? AND t.of_run
"""

LISTING: Final = "listing"
BLOCK: Final = "block"
GUESS: Final = "guess"


class _Listed(NamedTuple):
    """A transaction in a slot. ``ranks`` are its places in the listings of addresses, which grow with time."""

    transaction_id: int
    signature: str
    ranks: Mapping[int, tuple[int, int]]


class Order:
    """The order of the transactions in a file. Methods raise the errors of HistoryFile."""

    def __init__(self, file: HistoryFile) -> None:
        self._file = file

    def by_listings(self, after: int = -1) -> tuple[int, list[int]] | None:
        """Place the transactions of the next slots after a slot, as far as listings suffice.

        Returns the last of these slots, and those whose blocks are needed; None if there are no more slots.
        """
        with self._file.writing() as connection:
            slots = [slot for (slot,) in connection.execute(f"{_UNPLACED} ORDER BY slot LIMIT {_PORTION}", (after,))]
            if not slots:
                return None
            connection.execute("DELETE FROM images WHERE slot >= ?", slots[:1])
            left = []
            for slot in slots:
                found = _in_slot(connection, slot)
                order = _order_of_one_listing(found)
                if order is None:
                    left.append(slot)
                else:
                    _place(connection, order, LISTING)
        return slots[-1], left

    def by_block(self, slot: int, signatures: Sequence[str] | None) -> None:
        """Place the transactions of a slot, given those of its block in order.

        Without the block (None), or if it does not contain all of them, their order is a guess.
        """
        places = {signature: number for number, signature in enumerate(signatures or ())}
        with self._file.writing() as connection:
            found = _in_slot(connection, slot)
            if all(one.signature in places for one in found):
                _place(connection, sorted(found, key=lambda one: places[one.signature]), BLOCK)
            else:
                _place(connection, sorted(found, key=lambda one: sorted(one.ranks.items())), GUESS)

    def forget_guesses(self, first_slot: int) -> None:
        """Place the transactions again whose order was guessed, from ``first_slot``."""
        with self._file.writing() as connection:
            connection.execute(
                f"UPDATE transactions SET position = NULL WHERE ordered_by = '{GUESS}' AND slot >= ?", (first_slot,)
            )

    # --- incarnations -----------------------------------------------------------------------------------------------

    def find_incarnations(self, instance: str, programs: ProgramIds, now: Milestone | None) -> list[Incarnation]:
        """Find the incarnations from the transactions that begin and end them, and write them.

        ``now`` is the incarnation that exists now, if any, in case its beginning is in a gap.
        """
        query = f"SELECT {COLUMNS} FROM {WHOLE} WHERE t.milestone AND t.of_run ORDER BY t.slot, t.position"
        with self._file.writing() as connection:
            marks = [
                (transaction, milestone)
                for transaction in map(transaction_of, connection.execute(query))
                for milestone in discover(transaction, instance, programs).milestones
            ]
            found = _incarnations(marks, now)
            connection.execute("DELETE FROM incarnations")
            places = ", ".join("?" * len(Incarnation._fields))
            connection.executemany(f"INSERT INTO incarnations VALUES ({places})", found)
        return found


def _incarnations(marks: Iterable[tuple[RawTransaction, Milestone]], now: Milestone | None) -> list[Incarnation]:
    found: list[Incarnation] = []
    for transaction, mark in marks:
        if mark.begins:
            found.append(_begun(len(found) + 1, mark, transaction))
            continue
        if not found or found[-1].closed_by is not None or found[-1].coordinator_account != mark.coordinator_account:
            found.append(_begun(len(found) + 1, mark, None))
        found[-1] = found[-1]._replace(closed_by=transaction.signature, closed_slot=transaction.slot)
    if now is not None:
        last = found[-1] if found else None
        if last is None or last.closed_by is not None or last.coordinator_account != now.coordinator_account:
            found.append(_begun(len(found) + 1, now, None))
    return found


def _begun(number: int, mark: Milestone, transaction: RawTransaction | None) -> Incarnation:
    return Incarnation(
        number=number,
        coordinator_account=mark.coordinator_account,
        created_by=None if transaction is None else transaction.signature,
        created_slot=None if transaction is None else transaction.slot,
        closed_by=None,
        closed_slot=None,
        main_authority=mark.main_authority,
        join_authority=mark.join_authority,
        treasurer_run=mark.treasurer_run,
        vault=mark.vault,
    )


def _in_slot(connection: sqlite3.Connection, slot: int) -> list[_Listed]:
    ranks: dict[tuple[int, str], dict[int, tuple[int, int]]] = defaultdict(dict)
    for transaction_id, signature, address, walk, step in connection.execute(_IN_SLOT, (slot,)):
        ranks[transaction_id, signature][address] = (walk, -step)
    return [_Listed(*names, found) for names, found in ranks.items()]


def _order_of_one_listing(found: Sequence[_Listed]) -> list[_Listed] | None:
    """The transactions in order, if all are listed for one address; None if not."""
    common = set.intersection(*(set(one.ranks) for one in found))
    if not common:
        return None
    address = min(common)
    return sorted(found, key=lambda one: one.ranks[address])


def _place(connection: sqlite3.Connection, order: Sequence[_Listed], ordered_by: str) -> None:
    connection.executemany(
        "UPDATE transactions SET position = ?, ordered_by = ? WHERE id = ?",
        [(position, ordered_by, one.transaction_id) for position, one in enumerate(order)],
    )
