"""The record of transferred files: a SQLite file in the state folder, so that a repeated command can continue.

It contains no URL and no key: a service is identified by a hash of its base URL. If the record cannot be read or
written, files are transferred again.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

FILE_NAME: Final = "transfers.sqlite3"

_FORMAT: Final = 1
_LOCK_SECONDS: Final = 10.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS downloads (
    service TEXT NOT NULL, run_id TEXT NOT NULL, folder TEXT NOT NULL, path TEXT NOT NULL,
    tag TEXT NOT NULL, size INTEGER, sha256 TEXT, modified INTEGER,
    PRIMARY KEY (service, run_id, folder, path)
);
CREATE TABLE IF NOT EXISTS uploads (
    service TEXT NOT NULL, run_id TEXT NOT NULL, path TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL,
    PRIMARY KEY (service, run_id, path)
);
"""


class Download(NamedTuple):
    """What is known about a file in a folder.

    ``tag`` is the entity tag of its content at the server, empty if it has none. While the file is incomplete, all
    other fields are None, and the tag is that of the partial file. ``modified`` is the modification time in
    nanoseconds.
    """

    tag: str
    size: int | None = None
    sha256: str | None = None
    modified: int | None = None


class TransferRecord:
    """The transfers of one run with one service. ``warn`` receives a line if the record cannot be used."""

    def __init__(self, folder: Path, *, base_url: str, run_id: str, warn: Callable[[str], None]) -> None:
        self._path = folder / FILE_NAME
        self._key = (sha256(base_url.encode()).hexdigest(), run_id)
        self._warn = warn
        self._is_usable = True

    def has_downloads(self, folder: Path) -> bool:
        """Whether files of the run have been downloaded into a folder, at least in part."""
        sql = "SELECT 1 FROM downloads WHERE service = ? AND run_id = ? AND folder = ? LIMIT 1"
        return bool(self._query(sql, (*self._key, str(folder))))

    def download(self, folder: Path, path: str) -> Download | None:
        """What is known about a downloaded file."""
        where = "service = ? AND run_id = ? AND folder = ? AND path = ?"
        sql = f"SELECT tag, size, sha256, modified FROM downloads WHERE {where}"
        rows = self._query(sql, (*self._key, str(folder), path))
        return Download(*rows[0]) if rows else None

    def downloaded(self, folder: Path, path: str, download: Download) -> None:
        """Record a complete or partial file."""
        sql = "INSERT OR REPLACE INTO downloads VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._query(sql, (*self._key, str(folder), path, *download))

    def is_uploaded(self, path: str, size: int, digest: str) -> bool:
        """Whether the last upload to this path had this content."""
        sql = "SELECT size, sha256 FROM uploads WHERE service = ? AND run_id = ? AND path = ?"
        return self._query(sql, (*self._key, path)) == [(size, digest)]

    def uploaded(self, path: str, size: int, digest: str) -> None:
        """Record an upload."""
        self._query("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)", (*self._key, path, size, digest))

    def forget_upload(self, path: str) -> None:
        """Forget the last upload to a path, because other content is about to be sent to it."""
        self._query("DELETE FROM uploads WHERE service = ? AND run_id = ? AND path = ?", (*self._key, path))

    def _query(self, sql: str, values: Sequence[object]) -> list[Any]:
        if not self._is_usable:
            return []
        try:
            with self._opened() as connection:
                return connection.execute(sql, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            self._is_usable = False
            self._warn(
                f"Cannot use the record of transferred files, {self._path}: {error}. "
                "An interrupted transfer will start again from the beginning."
            )
            return []

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.closing(sqlite3.connect(self._path, timeout=_LOCK_SECONDS)) as connection, connection:
            if connection.execute("PRAGMA user_version").fetchone() != (_FORMAT,):
                connection.executescript(f"{_TABLES} PRAGMA user_version = {_FORMAT};")
            yield connection
