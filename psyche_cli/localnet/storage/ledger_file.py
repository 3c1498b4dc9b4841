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

from psyche_cli.localnet.storage.ledger_change import Change
from psyche_cli.localnet.storage.ledger_state import LedgerHeader, LedgerState

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
