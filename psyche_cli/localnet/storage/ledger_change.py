"""A change of a ledger file: rows that are written or removed, and the row that describes them."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.storage.checksums import address_key, checksum, pair_digest, sealed, signature_key, unsealed
from psyche_cli.localnet.storage.ledger_state import LedgerHeader, LedgerState
from psyche_cli.localnet.storage.rows import (
    block_key,
    details_key,
    read_record,
    slot_of,
    summary_key,
    written_account,
    written_block,
    written_details,
    written_summary,
)


def account_digest(row_checksum: bytes) -> int:
    """The digest of an account's row, from its checksum."""
    return int.from_bytes(row_checksum, "little")


class Indexed(NamedTuple):
    """A transaction's keys in the indexes."""

    number: int
    signature: int
    addresses: tuple[int, ...]


def indexed(number: int, record: TransactionRecord) -> Indexed:
    """The keys of a transaction in the indexes."""
    return Indexed(number, signature_key(record.signature), tuple({address_key(key) for key in record.keys}))


class Change:
    """A change of the file in progress. Methods raise sqlite3.Error."""

    def __init__(
        self, connection: sqlite3.Connection, header: LedgerHeader, state: LedgerState, slot: int | None = None
    ) -> None:
        self._connection = connection
        self.header = header
        self.state = state
        self.slot = slot
        """A slot whose block is known to be in the file."""
        self.written_bytes = 0
        """The size of the content written so far."""

    def put_account(self, address: Pubkey, account: Account | None, *, keep_removal: bool = False) -> None:
        """Write an account. With ``keep_removal``, also the removal of one is stored, and not just the row removed."""
        key, content = bytes(address), written_account(account)
        found = self._connection.execute("SELECT checksum FROM accounts WHERE address = ?", (key,)).fetchone()
        removed = [] if found is None else [account_digest(found[0])]
        if account is None and not keep_removal:
            self._connection.execute("DELETE FROM accounts WHERE address = ?", (key,))
            self.state.accounts = self.state.accounts.changed(removed=removed)
            return
        row = checksum(key, content)
        if found is None:
            query = "INSERT INTO accounts (checksum, content, address) VALUES (?, ?, ?)"
        else:
            query = "UPDATE accounts SET checksum = ?, content = ? WHERE address = ?"
        self._connection.execute(query, (row, content, key))
        self.state.accounts = self.state.accounts.changed(removed=removed, added=[account_digest(row)])
        self.written_bytes += len(content)

    def put_transaction(self, number: int, record: TransactionRecord, block: Block) -> None:
        """Write the transaction with the next number, and its block if it is the first one in it."""
        summary, details = written_summary(record), written_details(record)
        self._connection.execute(
            "INSERT INTO transactions VALUES (?, ?, ?)",
            (number, sealed(summary, summary_key(number)), sealed(details, details_key(number))),
        )
        if block.slot != self.slot:
            self._put_block(number, block)
            self.slot = block.slot
        self.state.next_number = number + 1
        self.state.total += 1
        self.written_bytes += len(summary) + len(details)

    def _put_block(self, first: int, block: Block) -> None:
        content = sealed(written_block(block), block_key(block.slot, first))
        query = "INSERT OR IGNORE INTO blocks VALUES (?, ?, ?)"
        if self._connection.execute(query, (block.slot, first, content)).rowcount:
            self.state.blocks = self.state.blocks.changed(added=[pair_digest(block.slot, first)])

    def add_to_indexes(self, transactions: list[Indexed]) -> None:
        """Add transactions with consecutive numbers, which continue after ``indexed``, to the indexes."""
        signatures = sorted((one.signature, one.number) for one in transactions)
        addresses = sorted((key, one.number) for one in transactions for key in one.addresses)
        self._connection.executemany("INSERT INTO signatures VALUES (?, ?)", signatures)
        self._connection.executemany("INSERT INTO addresses VALUES (?, ?)", addresses)
        self.state.signatures = self.state.signatures.changed(added=[pair_digest(*row) for row in signatures])
        self.state.addresses = self.state.addresses.changed(added=[pair_digest(*row) for row in addresses])
        self.state.indexed = transactions[-1].number

    def remove_transactions(self, first: int, last: int, limit: int) -> tuple[int, int]:
        """Remove up to ``limit`` transactions with numbers in this range.

        Returns how many were found, and the last number up to which there are none left.

        One whose row is damaged is left, since its keys in the indexes are unknown.
        """
        query = "SELECT number, summary, details FROM transactions WHERE number BETWEEN ? AND ? ORDER BY number LIMIT ?"
        rows = self._connection.execute(query, (first, last, limit)).fetchall()
        removed, slots = [], set[int]()
        for number, summary, details in rows:
            summary, details = unsealed(summary, summary_key(number)), unsealed(details, details_key(number))
            if summary is not None and details is not None:
                removed.append(indexed(number, read_record(summary, details)))
                slots.add(slot_of(summary))
        self._remove_rows(removed)
        done = rows[-1][0] if len(rows) == limit else last
        if rows:
            self._remove_blocks(slots, done)
        return len(rows), done

    def _remove_rows(self, removed: list[Indexed]) -> None:
        signatures = [(one.signature, one.number) for one in removed]
        addresses = [(key, one.number) for one in removed for key in one.addresses]
        execute = self._connection.executemany
        execute("DELETE FROM signatures WHERE signature = ? AND number = ?", signatures)
        execute("DELETE FROM addresses WHERE address = ? AND number = ?", addresses)
        execute("DELETE FROM transactions WHERE number = ?", [(one.number,) for one in removed])
        self.state.signatures = self.state.signatures.changed(removed=[pair_digest(*row) for row in signatures])
        self.state.addresses = self.state.addresses.changed(removed=[pair_digest(*row) for row in addresses])

    def _remove_blocks(self, slots: set[int], last: int) -> None:
        """Remove the blocks of these slots, except for that of a transaction after ``last``."""
        self.slot = None
        query = "SELECT summary, number FROM transactions WHERE number > ? ORDER BY number LIMIT 1"
        following = self._connection.execute(query, (last,)).fetchone()
        summary = None if following is None else unsealed(following[0], summary_key(following[1]))
        kept = None if summary is None else slot_of(summary)
        for slot in slots - {kept}:
            for (first,) in self._connection.execute("SELECT first FROM blocks WHERE slot = ?", (slot,)).fetchall():
                self._connection.execute("DELETE FROM blocks WHERE slot = ?", (slot,))
                self.state.blocks = self.state.blocks.changed(removed=[pair_digest(slot, first)])

    def pad(self, size: int) -> None:
        """Write ``size`` bytes, or remove those written earlier with 0."""
        self._connection.execute("DELETE FROM padding")
        if size:
            self._connection.execute("INSERT INTO padding VALUES (1, zeroblob(?))", (size,))

    def finish(self) -> None:
        """Write the row of ``chain``."""
        header, state = self.header.packed, self.state.pack()
        query = "INSERT OR REPLACE INTO chain VALUES (1, ?, ?, ?)"
        self._connection.execute(query, (header, state, checksum(state, header)))
