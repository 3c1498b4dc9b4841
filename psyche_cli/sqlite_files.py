"""Files of SQLite: opening them safely, transactions, and errors in words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import PsycheError

LOCK_SECONDS: Final = 10.0
"""How long to wait for another process that is writing."""

_PAUSE_SECONDS: Final = 0.02


class FileErrors(NamedTuple):
    """The errors of a kind of file.

    ``name`` begins their messages, such as ``The registry of workers``. ``failed`` is for a file that cannot be read or
    written, ``damaged`` for one that is damaged or not of this kind, and ``too_new`` for one of a newer psyche-cli; the
    last has the fields ``version`` and ``supported``. All have ``path``.
    """

    name: str
    failed: Callable[..., PsycheError]
    damaged: Callable[..., PsycheError]
    too_new: Callable[..., PsycheError]
    if_damaged: str
    """The hint for a damaged file."""
    if_too_new: str = "Update psyche-cli, or choose another folder with --state-dir."

    @contextlib.contextmanager
    def converted(self, path: Path, what: str) -> Iterator[None]:
        """Convert the errors of SQLite and of the file system. ``what`` is ``read`` or ``written``."""
        hint = "Free some space, fix the permissions, or choose another folder with --state-dir."
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self.failed(f"{self.name} {path} cannot be {what}: {error}.", hint=hint, path=str(path)) from error
        except sqlite3.DatabaseError as error:
            raise self.damaged(f"{self.name} {path} is damaged: {error}.", hint=self.if_damaged, path=str(path)) from (
                error
            )
        except OSError as error:
            message = f"{self.name} {path} cannot be {what}: {error.strerror}."
            raise self.failed(message, hint=hint.removeprefix("Free some space, ").capitalize(), path=str(path)) from (
                error
            )


class FileKind(NamedTuple):
    """A kind of file.

    ``application`` marks such files, in SQLite's ``application_id``, and ``version`` is that of the tables, in
    ``user_version``. ``create`` creates the tables of an empty file. ``upgrade`` turns those of an earlier version into
    today's; another process may have done it. With ``write_ahead``, readers do not wait for writers, but a power
    failure may undo the last changes. With ``checked``, the structure of the file is checked when it is opened. Pages
    of a new file have ``page_bytes``, None for SQLite's default.
    """

    application: int
    version: int
    create: Callable[[sqlite3.Connection], None]
    errors: FileErrors
    upgrade: Callable[[sqlite3.Connection], None] | None = None
    write_ahead: bool = False
    checked: bool = True
    page_bytes: int | None = None

    def open(self, path: Path, *, create: bool) -> sqlite3.Connection:
        """Open a file, for use by one thread at a time. With ``create``, it is created if it does not exist.

        Raises OSError, sqlite3.Error (DatabaseError if the file is damaged or not of this kind), and the error for a
        newer version.
        """
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, path: Path) -> None:
        connection.execute(f"PRAGMA synchronous = {'NORMAL' if self.write_ahead else 'FULL'}")
        connection.execute("PRAGMA foreign_keys = ON")
        if _is_empty(connection):
            if self.page_bytes is not None:
                connection.execute(f"PRAGMA page_size = {self.page_bytes}")
            if self.write_ahead:
                _use_write_ahead_log(connection)
            with all_or_nothing(connection):  # waits for a process that is creating the tables
                if _is_empty(connection):
                    self.create(connection)
                    connection.execute(f"PRAGMA application_id = {self.application}")
                    connection.execute(f"PRAGMA user_version = {self.version}")
        [mark] = connection.execute("PRAGMA application_id").fetchone()
        if mark != self.application:
            raise sqlite3.DatabaseError("it belongs to another application")
        [found] = connection.execute("PRAGMA user_version").fetchone()
        if found > self.version:
            raise self.errors.too_new(
                f"{self.errors.name} {path} was written by a newer psyche-cli: it has version {found}, and this one "
                f"knows versions up to {self.version}.",
                hint=self.errors.if_too_new,
                path=str(path),
                version=found,
                supported=self.version,
            )
        if found < self.version and self.upgrade is not None:
            self.upgrade(connection)
        if self.checked:
            check(connection)


class SqliteFile:
    """A file, which is created by the first change. May be used by several threads.

    Methods raise the errors of the kind.
    """

    def __init__(self, path: Path, kind: FileKind) -> None:
        self.path = path
        self._kind = kind
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
        """One consistent state of the file to read from; that of an empty file if it does not exist."""
        with self._lock, self._kind.errors.converted(self.path, "read"):
            if self._connection is None and not self.path.exists():
                with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                    self._kind.create(connection)
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
        errors = self._kind.errors.converted(self.path, "written")
        with self._lock, errors, all_or_nothing(self._open(create=True)) as connection:
            yield connection

    def _open(self, *, create: bool = False) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._kind.open(self.path, create=create)
        return self._connection


@contextlib.contextmanager
def all_or_nothing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction of SQLite, which is rolled back if an exception is raised in it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # not if SQLite has already rolled it back, as for a full disk
            connection.execute("ROLLBACK")
        raise


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if the structure of a file is damaged. This reads the entire file."""
    [answer] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise sqlite3.DatabaseError(answer)


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a file has no tables."""
    [count] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(count == 0)


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
