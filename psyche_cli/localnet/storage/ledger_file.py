"""The SQLite file of a ledger: its tables, and changes of it that happen completely or not at all.

The only row of ``chain`` has the number of rows and a digest of the other tables, which show whether they are complete.
Transactions are found by their numbers, which are consecutive. They are added to the indexes of signatures and
addresses later, many at once.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

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

APPLICATION: Final = 0x70736C67
"""The ``application_id`` of a ledger: "pslg"."""

FORMAT: Final = 3
"""The version of the tables, in ``user_version``."""

_TABLES: Final = (
    "CREATE TABLE chain (id INTEGER PRIMARY KEY, header BLOB NOT NULL, state BLOB NOT NULL, checksum BLOB NOT NULL)",
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, address BLOB UNIQUE, checksum BLOB NOT NULL, content BLOB)",
    "CREATE TABLE transactions (number INTEGER PRIMARY KEY, summary BLOB NOT NULL, details BLOB NOT NULL)",
    "CREATE TABLE signatures (signature INTEGER, number INTEGER, PRIMARY KEY (signature, number)) WITHOUT ROWID",
    "CREATE TABLE addresses (address INTEGER, number INTEGER, PRIMARY KEY (address, number)) WITHOUT ROWID",
    "CREATE TABLE blocks (slot INTEGER PRIMARY KEY, first INTEGER NOT NULL, content BLOB NOT NULL)",
    "CREATE TABLE padding (id INTEGER PRIMARY KEY, content BLOB NOT NULL)",
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


class Loss(NamedTuple):
    """What happened to a file; if ``is_deleted``, there is none at its path now."""

    sentence: str
    is_deleted: bool


class _FileState(NamedTuple):
    identity: tuple[int, int]
    size: int

    def followed_by(self, later: _FileState) -> _FileState:
        """The state after a change by SQLite, which does not replace a file."""
        return later if later.identity == self.identity else self


class LedgerFile:
    """An open ledger file."""

    def __init__(self, path: Path, header: LedgerHeader, state: LedgerState) -> None:
        """Open an existing file with this content for writing. Raises OSError or sqlite3.Error."""
        self.path = path
        self.header = header
        self.state = state
        self._slot: int | None = None
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            # Changes survive a kill of the process. After a crash of the machine, the newest may be missing.
            self.connection.execute("PRAGMA journal_mode = WAL")
            self.connection.execute("PRAGMA synchronous = NORMAL")
            self._seen = _state(path)
            self._seen_log: _FileState | None = None
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def change(self) -> Iterator[Change]:
        """A change, which is in the file afterwards; after an exception, nothing is changed.

        Raises OSError if the file or its log was deleted or cut, sqlite3.Error.
        """
        loss = self.loss()
        if loss is not None:
            raise OSError(0, loss.sentence)
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            change = Change(connection, self.header, copy.copy(self.state), self._slot)
            yield change
            change.finish()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite may already have rolled it back
                connection.execute("ROLLBACK")
            raise
        finally:
            self._look_at_files()
        self.header, self.state, self._slot = change.header, change.state, change.slot

    @property
    def _log(self) -> str:
        return f"{self.path}-wal"

    def loss(self) -> Loss | None:
        """What happened to the file or its log without SQLite, so that further changes would be lost."""
        for path, seen, name in ((self.path, self._seen, "file"), (self._log, self._seen_log, "log")):
            if seen is None:
                continue
            try:
                found = _state(path)
            except OSError:
                return Loss(f"its {name} was deleted", is_deleted=True)
            if found.identity != seen.identity:
                return Loss(f"its {name} was replaced", is_deleted=False)
            if found.size < seen.size:
                return Loss(f"its {name} was cut", is_deleted=False)
        return None

    def _look_at_files(self) -> None:
        """Note the files after a change. One that was lost meanwhile is found before the next change."""
        with contextlib.suppress(OSError):
            self._seen = self._seen.followed_by(_state(self.path))
            log = _state(self._log)
            self._seen_log = log if self._seen_log is None else self._seen_log.followed_by(log)

    def sync(self) -> None:
        """Copy all changes from the write-ahead log to the file, and sync it to disk. Raises sqlite3.Error."""
        [busy, _, _] = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("the write-ahead log is in use")
        self._look_at_files()

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole content to a new file. Raises sqlite3.Error."""
        self.connection.execute("VACUUM INTO ?", (str(path),))

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def create_file(path: Path, header: LedgerHeader, accounts: Iterable[tuple[Pubkey, Account | None]]) -> LedgerState:
    """Create a file with this content. Raises OSError or sqlite3.Error."""
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN")
        for table in _TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        change = Change(connection, header, LedgerState())
        for address, account in accounts:
            change.put_account(address, account)
        change.finish()
        connection.execute("COMMIT")
        return change.state
    finally:
        connection.close()


def _state(path: Path | str) -> _FileState:
    found = os.stat(path)  # noqa: PTH116 -- faster than that of Path, and called twice for each change
    return _FileState((found.st_dev, found.st_ino), found.st_size)
