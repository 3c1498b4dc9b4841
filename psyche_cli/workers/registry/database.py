"""The file of the registry: SQLite with a write-ahead log.

Readers do not wait for writers. After a crash of a process the file has every change that was reported as done; after a
power failure the last ones may be missing, and with them the worker processes.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from psyche_cli.errors import RegistryDamaged, RegistryError, RegistryTooNew
from psyche_cli.sqlite_files import FileErrors, FileKind, SqliteFile, all_or_nothing, check

FORMAT: Final = 2
"""Version of the tables, in SQLite's ``user_version``."""
DEFAULT_SLOTS: Final = 8

_APPLICATION: Final = 0x50537957
"""Marks the file as a registry, in SQLite's ``application_id``."""

_FIRST: Final = (
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
"""The tables of version 1."""
_SECOND: Final = (
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # The rows of runs contain configurations, which may be large. These indexes are read in place of them.
    "CREATE INDEX open_runs ON runs (run_id) WHERE finished_at IS NULL",
    "CREATE INDEX changes_of_runs ON runs (run_id, updated_at)",
)
"""What version 2 adds."""


class Database(SqliteFile):
    """The file of the registry. Methods raise RegistryError, RegistryDamaged and RegistryTooNew."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _KIND)
        self._checked = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """See SqliteFile. The first call reads all of the file, to check its structure."""
        with super().writing() as connection:
            if not self._checked:
                check(connection)
                self._checked = True
            yield connection

    def version(self) -> int:
        """A number that changes when another connection changes the file."""
        with self.reading() as connection:
            [number] = connection.execute("PRAGMA data_version").fetchone()
            return int(number)


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in (*_FIRST, *_SECOND):
        connection.execute(statement)
    connection.executemany("INSERT INTO gpu_slots (number) VALUES (?)", [(number,) for number in range(DEFAULT_SLOTS)])


def _upgrade(connection: sqlite3.Connection) -> None:
    with all_or_nothing(connection):
        if connection.execute("PRAGMA user_version").fetchone() == (1,):  # no other process has done it
            for statement in _SECOND:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {FORMAT}")


_KIND: Final = FileKind(
    application=_APPLICATION,
    version=FORMAT,
    create=_create_tables,
    errors=FileErrors(
        "The registry of workers",
        failed=RegistryError,
        damaged=RegistryDamaged,
        too_new=RegistryTooNew,
        if_damaged="End the worker processes that still run, and move the file away.",
    ),
    upgrade=_upgrade,
    write_ahead=True,
    checked=False,
)
