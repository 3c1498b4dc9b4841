"""The transactions in the indexes of a ledger file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.localnet.chain.archive import HistoryDamaged
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.recent_transactions import TransactionSummary, signature_text
from psyche_cli.localnet.storage.checksums import address_key, signature_key, unsealed
from psyche_cli.localnet.storage.ledger_file import LedgerFile
from psyche_cli.localnet.storage.rows import block_key, details_key, read_block, read_record, read_summary, summary_key

_OF_ADDRESS = """
SELECT a.number, t.summary FROM addresses AS a LEFT JOIN transactions AS t ON t.number = a.number
WHERE a.address = ? AND a.number BETWEEN ? AND ? ORDER BY a.number DESC LIMIT ?
"""
_BLOCKS = "SELECT slot, first FROM blocks WHERE slot BETWEEN ? AND ? ORDER BY slot"
_FOLLOWING = "SELECT first FROM blocks WHERE slot > ? ORDER BY slot LIMIT 1"


class LedgerArchive:
    """The ``Archive`` of a history whose transactions are in a ledger file, once it has one.

    Methods raise HistoryDamaged.
    """

    def __init__(self) -> None:
        self.file: LedgerFile | None = None

    @property
    def newest(self) -> int:
        """The highest number in the indexes."""
        return 0 if self.file is None else self.file.state.indexed

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        assert self.file is not None
        try:
            yield self.file.connection
        except sqlite3.DatabaseError as error:
            raise HistoryDamaged(f"The history in the ledger {self.file.path} cannot be read: {error}.") from error

    def _damaged(self, what: str) -> HistoryDamaged:
        assert self.file is not None
        return HistoryDamaged(f"{what} in the ledger {self.file.path} is missing or damaged.")

    def get(self, number: int) -> TransactionRecord:
        """The transaction with this number."""
        with self._reading() as connection:
            query = "SELECT summary, details FROM transactions WHERE number = ?"
            row = connection.execute(query, (number,)).fetchone()
        return self._read_record(number, row)

    def _read_record(self, number: int, row: tuple[object, object] | None) -> TransactionRecord:
        stored_summary, stored_details = row or (None, None)
        summary = unsealed(stored_summary, summary_key(number))
        details = unsealed(stored_details, details_key(number))
        if summary is None or details is None:
            raise self._damaged(f"Transaction {number}")
        return read_record(summary, details)

    def records(self, first: int, last: int) -> Iterator[TransactionRecord]:
        """The transactions with numbers in this range, which are read now and decoded when they are taken."""
        query = "SELECT number, summary, details FROM transactions WHERE number BETWEEN ? AND ?"
        with self._reading() as connection:
            rows = {number: row for number, *row in connection.execute(query, (first, last))}
        return (self._read_record(number, rows.get(number)) for number in range(first, last + 1))

    def numbers_of(self, signature: Signature) -> Iterable[int]:
        """The numbers of the transactions with this first signature."""
        if self.newest == 0:
            return []
        with self._reading() as connection:
            query = "SELECT number FROM signatures WHERE signature = ? ORDER BY number DESC"
            rows = connection.execute(query, (signature_key(signature),)).fetchall()
        return [number for (number,) in rows if self._summary(number).signature == signature_text(signature)]

    def _summary(self, number: int) -> TransactionSummary:
        with self._reading() as connection:
            row = connection.execute("SELECT summary FROM transactions WHERE number = ?", (number,)).fetchone()
        return self._read_summary(number, None if row is None else row[0])

    def _read_summary(self, number: int, stored: object) -> TransactionSummary:
        summary = unsealed(stored, summary_key(number))
        if summary is None:
            raise self._damaged(f"Transaction {number}")
        return read_summary(summary)

    def of_address(self, address: Pubkey, first: int, last: int, limit: int) -> list[TransactionSummary]:
        """The newest ``limit`` transactions that involve an address, with numbers in this range, newest first."""
        if first > self.newest:
            return []
        with self._reading() as connection:
            rows = connection.execute(_OF_ADDRESS, (address_key(address), first, last, limit)).fetchall()
        return [self._read_summary(number, stored) for number, stored in rows]

    def in_slot(self, slot: int) -> tuple[Block, int, int] | None:
        """The block of a slot, and the lowest and the highest number of its transactions; None if there are none."""
        if self.newest == 0:
            return None
        with self._reading() as connection:
            row = connection.execute("SELECT first, content FROM blocks WHERE slot = ?", (slot,)).fetchone()
        if row is None:
            return None
        content = unsealed(row[1], block_key(slot, row[0]))
        if content is None:
            raise self._damaged(f"The block of slot {slot}")
        with self._reading() as connection:
            [following] = connection.execute(_FOLLOWING, (slot,)).fetchone() or (self.newest + 1,)
        return read_block(content), row[0], min(following - 1, self.newest)

    def slots(self, first: int, last: int) -> Iterable[tuple[int, int, int]]:
        """The slots with transactions from ``first`` to ``last``, with their lowest and highest numbers."""
        if self.newest == 0 or first > last:
            return []
        with self._reading() as connection:
            rows = connection.execute(_BLOCKS, (first, last)).fetchall()
            [end] = connection.execute(_FOLLOWING, (last,)).fetchone() or (self.newest + 1,)
        following = [lowest for _, lowest in rows[1:]] + [end]
        return [
            (slot, lowest, min(after - 1, self.newest))
            for (slot, lowest), after in zip(rows, following, strict=False)
            if lowest <= self.newest
        ]
