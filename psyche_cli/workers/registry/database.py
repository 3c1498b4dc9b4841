"""The file of the registry: SQLite with a write-ahead log.

Readers do not wait for writers. After a crash of a process the file has every change that was reported as done; after a
power failure the last ones may be missing, and with them the worker processes.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from psyche_cli.errors import RegistryDamaged, RegistryError, RegistryTooNew
from psyche_cli.sqlite_files import all_or_nothing, is_empty

FORMAT: Final = 1
"""Version of the tables, in SQLite's ``user_version``."""
LOCK_SECONDS: Final = 10.0
"""How long to wait for another process that is writing."""
DEFAULT_SLOTS: Final = 8

_APPLICATION: Final = 0x50537957
"""Marks the file as a registry, in SQLite's ``application_id``."""
_PAUSE_SECONDS: Final = 0.02

_TABLES: Final = (
    """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    is_evaluation INTEGER NOT NULL,
    status TEXT NOT NULL,
    config TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    submitted_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    heard_at REAL,
    cancel_requested_at REAL,
    finished_at REAL,
    reason TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID
""",
    """
CREATE TABLE workers (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
    worker_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    reached TEXT NOT NULL,
    gpus INTEGER NOT NULL,
    mandatory INTEGER NOT NULL,
    slots TEXT NOT NULL DEFAULT '[]',
    handle TEXT,
    starts INTEGER NOT NULL DEFAULT 0,
    updated_at REAL NOT NULL,
    started_at REAL,
    heard_at REAL,
    finished_at REAL,
    exit_code INTEGER,
    exit_signal INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    error_lines TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (run_id, worker_id)
) WITHOUT ROWID
""",
    """
CREATE TABLE gpu_slots (
    number INTEGER PRIMARY KEY,
    run_id TEXT,
    worker_id TEXT,
    CHECK ((run_id IS NULL) = (worker_id IS NULL)),
    FOREIGN KEY (run_id, worker_id) REFERENCES workers (run_id, worker_id)
)
""",
    """
CREATE TABLE transitions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    source TEXT,
    target TEXT NOT NULL,
    event TEXT NOT NULL,
    facts TEXT NOT NULL,
    at REAL NOT NULL,
    reason TEXT NOT NULL,
    FOREIGN KEY (run_id, worker_id) REFERENCES workers (run_id, worker_id) ON DELETE CASCADE
)
""",
    """
CREATE TABLE sessions (
    run_id TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    issued_at REAL NOT NULL,
    PRIMARY KEY (run_id, worker_id, kind),
    FOREIGN KEY (run_id, worker_id) REFERENCES workers (run_id, worker_id) ON DELETE CASCADE
) WITHOUT ROWID
""",
    "CREATE INDEX open_workers ON workers (state) WHERE finished_at IS NULL",
    "CREATE INDEX held_slots ON gpu_slots (run_id, worker_id) WHERE run_id IS NOT NULL",
    "CREATE INDEX transitions_of_workers ON transitions (run_id, worker_id)",
)


class Database:
    """The file of the registry, which is created by the first change. May be used by several threads.

    Methods raise RegistryError, RegistryDamaged and RegistryTooNew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent state of the file to read from; that of an empty registry if the file does not exist."""
        with self._lock, self._errors("read"):
            if self._connection is None and not self.path.exists():
                with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                    _create_tables(connection)
                    yield connection
                return
            connection = self._open()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction. It is undone if an exception is raised in it; otherwise it is in the file afterwards."""
        with self._lock, self._errors("written"), all_or_nothing(self._open(create=True)) as connection:
            yield connection

    def _open(self, *, create: bool = False) -> sqlite3.Connection:
        if self._connection is None:
            if create:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(self.path, LOCK_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        if is_empty(connection):
            _use_write_ahead_log(connection)
            with all_or_nothing(connection):  # waits for a process that is creating the tables
                if is_empty(connection):
                    _create_tables(connection)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {FORMAT}")
        [mark] = connection.execute("PRAGMA application_id").fetchone()
        if mark != _APPLICATION:
            raise sqlite3.DatabaseError("it belongs to another application")
        [found] = connection.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            raise RegistryTooNew(
                f"The registry {self.path} was written by a newer psyche-cli: it has version {found}, and this one "
                f"knows versions up to {FORMAT}.",
                hint="Update psyche-cli, or choose another folder with --state-dir.",
                path=str(self.path),
                version=found,
                supported=FORMAT,
            )
        [answer] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise sqlite3.DatabaseError(answer)

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Convert the errors of SQLite and of the file system."""
        path = str(self.path)
        try:
            yield
        except sqlite3.OperationalError as error:
            raise RegistryError(
                f"The registry of workers {path} cannot be {what}: {error}.",
                hint="Free some space, fix the permissions, or choose another folder with --state-dir.",
                path=path,
            ) from error
        except sqlite3.DatabaseError as error:
            raise RegistryDamaged(
                f"The registry of workers {path} is damaged: {error}.",
                hint="End the worker processes that still run, and move the file away.",
                path=path,
            ) from error
        except OSError as error:
            raise RegistryError(
                f"The registry of workers {path} cannot be {what}: {error.strerror}.",
                hint="Fix the permissions, or choose another folder with --state-dir.",
                path=path,
            ) from error


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)
    connection.executemany("INSERT INTO gpu_slots (number) VALUES (?)", [(number,) for number in range(DEFAULT_SLOTS)])


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, for which SQLite does not wait for other processes by itself."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_SECONDS)
