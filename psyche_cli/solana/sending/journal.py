"""The journal of signed transactions: a SQLite file that outlives the process.

A transaction is recorded, and the record is on disk, before the first byte is sent. If the process dies, its bytes can
still be sent again and their outcome determined. The journal contains no private key: signed bytes suffice.

Every change is a transaction of SQLite with a rollback journal and full synchronization, so the file survives a kill
or a power failure at any moment, also on a network file system. Nothing is kept open for writing between changes.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

from psyche_cli.environment import Clock
from psyche_cli.errors import JournalDamaged, JournalError, JournalTooNew, Json
from psyche_cli.sqlite_files import FileErrors, FileKind, all_or_nothing

FILE_NAME: Final = "transactions.sqlite3"
FORMAT: Final = 3
"""Version of the tables, in SQLite's ``user_version``. Version 1 had no durable nonces, and version 2 no reasons."""

MOST_SETTLED: Final = 1000
"""The number of settled records to keep. The oldest others are removed whenever a transaction is recorded."""

_APPLICATION: Final = 0x50537943
"""Marks the file as this journal, in SQLite's ``application_id``."""

_RUNNING: Final = "running"
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS transactions (
    signature TEXT PRIMARY KEY,
    raw BLOB NOT NULL,
    label TEXT NOT NULL,
    command TEXT NOT NULL,
    intent TEXT NOT NULL,
    run_id TEXT,
    wallet TEXT NOT NULL,
    genesis_hash TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    blockhash TEXT NOT NULL,
    last_valid_block_height INTEGER,
    recorded_slot INTEGER NOT NULL,
    created_accounts TEXT NOT NULL,
    recorded_at INTEGER NOT NULL,
    session TEXT NOT NULL,
    state TEXT NOT NULL,
    slot INTEGER,
    error TEXT,
    settled_at INTEGER,
    nonce_account TEXT,
    reason TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS unsettled ON transactions (state) WHERE state = 'unsettled'"

_PRUNE: Final = """
DELETE FROM transactions WHERE state != 'unsettled' AND signature NOT IN (
    SELECT signature FROM transactions WHERE state != 'unsettled' ORDER BY recorded_at DESC, signature LIMIT ?
)
"""


class RecordState(Enum):
    """What is known about a recorded transaction. All but UNSETTLED are final."""

    UNSETTLED = "unsettled"
    """It may have been sent, and its outcome is not known."""
    LANDED = "landed"
    FAILED = "failed"
    """It failed on-chain; its fee was paid."""
    EXPIRED = "expired"
    NOT_SENT = "not_sent"
    """It was never sent."""
    FORGOTTEN = "forgotten"
    """The user decided that its outcome does not matter."""


class CreatedAccount(NamedTuple):
    """An account with its own key that a transaction creates."""

    address: str
    role: str


class JournalEntry(NamedTuple):
    """A recorded transaction.

    ``raw`` are the signed bytes. ``intent`` is what the user requested, as canonical JSON, empty if unknown;
    ``command`` is the verb. ``endpoint`` is the label of the endpoint. ``recorded_slot`` is a slot before the
    transaction was sent, and ``slot`` the one in which it landed or failed with ``error``. ``recorded_at`` and
    ``settled_at`` are in seconds since 1970. ``session`` identifies the process that recorded it. With a durable nonce,
    ``nonce_account`` is its account, ``blockhash`` its value, and ``last_valid_block_height`` None. ``reason`` is
    why it was sent, if psyche-cli decided that itself.
    """

    signature: str
    raw: bytes
    label: str
    command: str
    intent: str
    run_id: str | None
    wallet: str
    genesis_hash: str
    endpoint: str
    blockhash: str
    last_valid_block_height: int | None
    recorded_slot: int
    created_accounts: tuple[CreatedAccount, ...]
    recorded_at: int
    session: str
    state: RecordState = RecordState.UNSETTLED
    slot: int | None = None
    error: Json = None
    settled_at: int | None = None
    nonce_account: str | None = None
    reason: str = ""

    @property
    def is_unsettled(self) -> bool:
        """Whether the outcome is not known."""
        return self.state is RecordState.UNSETTLED


_FIELDS: Final = JournalEntry._fields
_RENEWED: Final = ", ".join(f"{field} = excluded.{field}" for field in _FIELDS if field != "signature")


class Journal:
    """The journal in a folder, which is created when the first transaction is recorded.

    Methods raise JournalError, JournalDamaged and JournalTooNew.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._mark: int | None = None
        self.session = secrets.token_hex(16)
        """Identifies this process in the records that it makes."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._folder / FILE_NAME

    def close(self) -> None:
        """Close the file. From now on, other processes treat unsettled records of this session as left behind."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._mark is not None:
            self._session_path(self.session).unlink(missing_ok=True)
            os.close(self._mark)
            self._mark = None

    def entries(self, *, unsettled_only: bool = False) -> list[JournalEntry]:
        """All records, or the unsettled ones, oldest first. Creates nothing."""
        where = "WHERE state = 'unsettled'" if unsettled_only else ""
        return self._select(f"{where} ORDER BY recorded_at, signature", ())

    def entry(self, signature: str) -> JournalEntry | None:
        """The record of a transaction, or None. Creates nothing."""
        return next(iter(self._select("WHERE signature = ?", (signature,))), None)

    def record(self, entry: JournalEntry) -> bool:
        """Add a record. On return it is on disk. Returns False if this transaction, with this signature, is recorded.

        Equal transactions with the same blockhash have the same signature. A record of one that was never sent is
        replaced. Also removes the oldest settled records above MOST_SETTLED.
        """
        values = list(entry)
        values[_FIELDS.index("state")] = entry.state.value
        values[_FIELDS.index("created_accounts")] = json.dumps(entry.created_accounts)
        columns, places = ", ".join(_FIELDS), ", ".join("?" * len(_FIELDS))
        renew = f"ON CONFLICT (signature) DO UPDATE SET {_RENEWED} WHERE state = 'not_sent'"
        with self._errors("written"):
            self._claim()
            with all_or_nothing(self._open(create=True)) as connection:
                done = connection.execute(f"INSERT INTO transactions ({columns}) VALUES ({places}) {renew}", values)
                connection.execute(_PRUNE, (MOST_SETTLED,))
        return done.rowcount == 1

    def settle(self, signature: str, state: RecordState, *, slot: int | None = None, error: Json = None) -> bool:
        """Set the final state of an unsettled record. Returns False if another process has already done it."""
        values = (state.value, slot, None if error is None else json.dumps(error), int(self._clock.unix_time()))
        change = "UPDATE transactions SET state = ?, slot = ?, error = ?, settled_at = ?"
        with self._errors("written"):
            connection = self._open(create=True)
            done = connection.execute(f"{change} WHERE signature = ? AND state = 'unsettled'", (*values, signature))
        return done.rowcount == 1

    def forget_settled(self, before: int) -> int:
        """Remove the settled records from before this time, in seconds since 1970; returns their number."""
        with self._errors("written"):
            if self._connection is None and not self.path.exists():
                return 0
            older = "DELETE FROM transactions WHERE state != 'unsettled' AND recorded_at < ?"
            return self._open().execute(older, (before,)).rowcount

    def is_left_behind(self, entry: JournalEntry) -> bool:
        """Whether the process that made the record has ended."""
        if entry.session == self.session:
            return False
        return not _is_locked(self._session_path(entry.session))

    # --- the file -----------------------------------------------------------------------------------------------

    def _select(self, condition: str, values: Sequence[Any]) -> list[JournalEntry]:
        with self._errors("read"):
            if self._connection is None and not self.path.exists():
                return []
            columns = ", ".join(_FIELDS)
            rows = self._open().execute(f"SELECT {columns} FROM transactions {condition}", values).fetchall()
            return [_entry(row) for row in rows]

    def _open(self, *, create: bool = False) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _KIND.open(self.path, create=create)
        return self._connection

    def _claim(self) -> None:
        """Mark this session as running, by a lock that the operating system releases when the process ends."""
        if self._mark is not None:
            return
        self._make_folder()
        path = self._session_path(self.session)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._mark = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        _lock(self._mark)

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _session_path(self, session: str) -> Path:
        return self._folder / _RUNNING / session

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Convert the errors of SQLite and of the file system, and those of records that cannot be decoded."""
        with _ERRORS.converted(self.path, what):
            try:
                yield
            except (ValueError, TypeError) as error:
                raise sqlite3.DatabaseError(str(error)) from error


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(_TABLE)
    connection.execute(_INDEX)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Turn the tables of an earlier version into today's, in one transaction; another process may have done it."""
    connection.execute("BEGIN IMMEDIATE")
    [found] = connection.execute("PRAGMA user_version").fetchone()
    if found < FORMAT:
        earlier = {name for _, name, *_ in connection.execute("PRAGMA table_info(transactions)")}
        columns = ", ".join(field for field in _FIELDS if field in earlier)
        connection.execute("ALTER TABLE transactions RENAME TO earlier")
        connection.execute(_TABLE)
        connection.execute(f"INSERT INTO transactions ({columns}) SELECT {columns} FROM earlier")
        connection.execute("DROP TABLE earlier")
        connection.execute(_INDEX)
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


_ERRORS: Final = FileErrors(
    "The journal of transactions",
    failed=JournalError,
    damaged=JournalDamaged,
    too_new=JournalTooNew,
    if_damaged="Move the file away, and look up its last transactions in an explorer. Then try again.",
    if_too_new="Update psyche-cli, or choose another folder with --state-dir. Nothing was sent.",
)
_KIND: Final = FileKind(_APPLICATION, FORMAT, _create, _ERRORS, upgrade=_upgrade)


def _entry(row: Sequence[Any]) -> JournalEntry:
    entry = JournalEntry(*row)
    accounts = tuple(CreatedAccount(*account) for account in json.loads(str(entry.created_accounts)))
    error = None if entry.error is None else json.loads(str(entry.error))
    return entry._replace(state=RecordState(row[_FIELDS.index("state")]), created_accounts=accounts, error=error)


def _lock(descriptor: int) -> bool:
    """Lock an open file exclusively; False if another process holds the lock."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file. Deletes a file whose process has ended."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if not _lock(descriptor):
            return True
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)
