"""The content of a run's transactions, and whether they are final.

Like those of the listing, each change is one transaction of SQLite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from psyche_cli.history.discovery import Discovery
from psyche_cli.history.file import HistoryFile
from psyche_cli.history.listing import CONFIRMED, FINALIZED, add_addresses, forget_order, move
from psyche_cli.history.records import RawTransaction
from psyche_cli.history.rows import INNER, OUTER, row_of
from psyche_cli.solana.rpc.types import SignatureStatus

PORTION: Final = 500
"""How many rows are read at once."""

_OUTER: Final = ", ".join(f"{name} = :{name}" for name in ("block_time", "fee", "payer", "error", "units"))
_INNER: Final = f"INSERT OR REPLACE INTO contents VALUES (:id, {', '.join(f':{name}' for name in INNER)})"


class Wanted(NamedTuple):
    """A transaction whose content is not there yet, or which is not finalized yet."""

    transaction_id: int
    signature: str
    slot: int
    commitment: str


class Contents:
    """The contents of the transactions in a file. ``now`` is the time. Methods raise the errors of HistoryFile."""

    def __init__(self, file: HistoryFile, now: int) -> None:
        self._file = file
        self._now = now

    def wanted(self, after: int = 0, *, absent: bool = False, first_slot: int = 0) -> list[Wanted]:
        """The next transactions without content, by id after ``after``: the order in which they were listed.

        Those from ``first_slot`` on that are known to be ``absent``, or the others. Rows that are added in the order of
        their ids fill the pages of the file.
        """
        condition = f"fetched_at IS NULL AND absent IS {'NOT NULL' if absent else 'NULL'} AND id > ? AND slot >= ?"
        columns = "id, signature, slot, commitment"
        query = f"SELECT {columns} FROM transactions WHERE {condition} ORDER BY id LIMIT {PORTION}"
        with self._file.reading() as connection:
            return [Wanted(*row) for row in connection.execute(query, (after, first_slot))]

    def add_content(self, found: Iterable[tuple[Wanted, RawTransaction, Discovery]]) -> int:
        """Add the content of transactions, and the addresses that were discovered. Returns the number of new ones."""
        new = 0
        with self._file.writing() as connection:
            for wanted, transaction, discovery in found:
                if transaction.slot != wanted.slot:
                    move(connection, wanted.signature, wanted.slot, transaction.slot)
                if discovery.is_of_another_run:
                    connection.execute(
                        "UPDATE transactions SET fetched_at = ?, of_run = 0, absent = NULL WHERE id = ?",
                        (self._now, wanted.transaction_id),
                    )
                    connection.execute("UPDATE transactions SET position = NULL WHERE slot = ?", (transaction.slot,))
                    continue
                values: dict[str, Any] = dict(zip((*OUTER, *INNER), row_of(transaction), strict=True))
                values |= {"id": wanted.transaction_id, "now": self._now, "mark": int(bool(discovery.milestones))}
                connection.execute(
                    f"UPDATE transactions SET {_OUTER}, fetched_at = :now, absent = NULL, milestone = :mark "
                    "WHERE id = :id",
                    values,
                )
                connection.execute(_INNER, values)
                new += add_addresses(connection, discovery.addresses)
        return new

    def set_absent(self, absent: Mapping[int, str]) -> None:
        """Record why the contents of transactions, given by their ids, could not be read."""
        with self._file.writing() as connection:
            connection.executemany(
                "UPDATE transactions SET absent = ? WHERE id = ? AND fetched_at IS NULL",
                [(reason, number) for number, reason in absent.items()],
            )

    def set_rest_absent(self, reason: str) -> None:
        """Record why the contents of all transactions that are still wanted could not be read."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE transactions SET absent = ? WHERE fetched_at IS NULL AND absent IS NULL", (reason,)
            )

    # --- commitment -------------------------------------------------------------------------------------------------

    def unsettled(self, finalized_slot: int, after: int) -> list[Wanted]:
        """The next transactions up to ``finalized_slot`` that are not known to be finalized, by id after ``after``."""
        query = (
            "SELECT id, signature, slot, commitment FROM transactions "
            f"WHERE commitment != '{FINALIZED}' AND slot <= ? AND id > ? ORDER BY id LIMIT {PORTION}"
        )
        with self._file.reading() as connection:
            return [Wanted(*row) for row in connection.execute(query, (finalized_slot, after))]

    def settle(self, statuses: Iterable[tuple[Wanted, SignatureStatus | None]]) -> int:
        """Record the statuses of unsettled transactions. Those without one were dropped with a fork: removes them.

        Returns the number of removed transactions.
        """
        dropped = 0
        with self._file.writing() as connection:
            for one, status in statuses:
                if status is None:
                    forget_order(connection, one.slot)
                    connection.execute("DELETE FROM transactions WHERE id = ?", (one.transaction_id,))
                    dropped += 1
                    continue
                if status.slot != one.slot:
                    move(connection, one.signature, one.slot, status.slot)
                commitment = FINALIZED if status.confirmation_status == FINALIZED else CONFIRMED
                connection.execute(
                    "UPDATE transactions SET commitment = ? WHERE id = ?", (commitment, one.transaction_id)
                )
        return dropped

    def complete(self, slot: int) -> None:
        """Record that the history is complete up to a slot, except for the gaps."""
        with self._file.writing() as connection:
            connection.execute("UPDATE run SET synced_at = ?, synced_slot = ?", (self._now, slot))
