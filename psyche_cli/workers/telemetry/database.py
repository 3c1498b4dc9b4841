"""The database of telemetry: a SQLite file with the events of all runs.

One thread writes. Readers have connections of their own; with the write-ahead log neither waits for the other. After
``kill -9`` of the daemon everything that was committed is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from psyche_cli.errors import TelemetryError
from psyche_cli.workers.telemetry.events import Batch, Event, Kind, Receipt, Stored, Stream

FORMAT: Final = 1
"""Version of the tables, in SQLite's ``user_version``."""
LOCK_SECONDS: Final = 10.0
"""How long to wait for another process that is writing."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS sources (
    key INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    worker TEXT NOT NULL,
    source TEXT NOT NULL,
    batch INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    malformed INTEGER NOT NULL,
    UNIQUE (run, worker, source)
);
CREATE TABLE IF NOT EXISTS streams (
    key INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    stream TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    UNIQUE (run, stream)
);
CREATE TABLE IF NOT EXISTS events (
    stream INTEGER NOT NULL REFERENCES streams (key) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    source INTEGER NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) WITHOUT ROWID;
"""

_EVENTS: Final = """
SELECT seq, worker, kind, number, at, fields FROM events JOIN sources ON sources.key = events.source
WHERE events.stream = (SELECT key FROM streams WHERE run = ? AND stream = ?) AND seq > ? ORDER BY seq LIMIT ?
"""
_DELETED_AT_ONCE: Final = 10_000


class Submission(NamedTuple):
    """A batch with the run and the worker that it belongs to."""

    run: str
    worker: str
    batch: Batch


class Written(NamedTuple):
    """The receipt of a submission, and its events with their sequence numbers."""

    receipt: Receipt
    events: list[Stored]


class Totals(NamedTuple):
    """What a worker has reported in all its lives.

    ``accepted`` events are in the database, ``dropped`` ones did not fit into a proxy's outbox, and ``malformed``
    lines could not be parsed.
    """

    accepted: int
    dropped: int
    malformed: int


class Database:
    """The database at ``path``, which is created. Raises TelemetryError if it cannot be opened.

    Methods are safe to call from any thread, and raise sqlite3.Error.
    """

    def __init__(self, path: Path) -> None:
        self._writing, self._reading = Lock(), Lock()
        with ExitStack() as opened, _opening_errors(path):
            self._writer = opened.enter_context(closing(_connect(path)))
            self._writer.executescript(_TABLES)
            self._writer.execute(f"PRAGMA user_version = {FORMAT}")
            self._reader = opened.enter_context(closing(_connect(path)))
            opened.pop_all()

    def store(self, submissions: Sequence[Submission]) -> list[Written]:
        """Number and store the events of all submissions, or none of them. A batch that is already there is skipped."""
        with self._transaction() as connection:
            return [_write(connection, submission) for submission in submissions]

    def last_seq(self, run: str, stream: Stream) -> int:
        """The sequence number of the last event, 0 if there is none."""
        query = "SELECT last_seq FROM streams WHERE run = ? AND stream = ?"
        with self._reading:
            row = self._reader.execute(query, (run, stream.value)).fetchone()
        return 0 if row is None else int(row[0])

    def events(self, run: str, stream: Stream, since_seq: int, limit: int) -> list[Stored]:
        """The first ``limit`` events after ``since_seq``, in order."""
        with self._reading:
            rows = self._reader.execute(_EVENTS, (run, stream.value, since_seq, limit)).fetchall()
        return [
            Stored(seq, worker, Event(Kind(kind), number, at, fields)) for seq, worker, kind, number, at, fields in rows
        ]

    def totals(self, run: str) -> dict[str, Totals]:
        """What each worker of a run has reported."""
        query = "SELECT worker, SUM(accepted), SUM(dropped), SUM(malformed) FROM sources WHERE run = ? GROUP BY worker"
        with self._reading:
            rows = self._reader.execute(query, (run,)).fetchall()
        return {worker: Totals(*numbers) for worker, *numbers in rows}

    def delete(self, run: str) -> None:
        """Delete all events of a run that has ended, in several transactions."""
        while True:
            with self._transaction() as connection:
                found = connection.execute(
                    "SELECT stream, seq FROM events WHERE stream IN (SELECT key FROM streams WHERE run = ?) LIMIT ?",
                    (run, _DELETED_AT_ONCE),
                ).fetchall()
                if not found:
                    connection.execute("DELETE FROM streams WHERE run = ?", (run,))
                    connection.execute("DELETE FROM sources WHERE run = ?", (run,))
                    return
                connection.executemany("DELETE FROM events WHERE stream = ? AND seq = ?", found)

    def close(self) -> None:
        """Close the connections. The write-ahead log is merged into the database."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise


@contextmanager
def _opening_errors(path: Path) -> Iterator[None]:
    """Convert the errors of SQLite."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise TelemetryError(
            f"The telemetry of workers {path} cannot be opened: {error}.",
            hint="Free some space, fix the permissions, or choose another folder with --state-dir.",
            path=str(path),
        ) from error
    except sqlite3.DatabaseError as error:
        raise TelemetryError(
            f"The telemetry of workers {path} is damaged: {error}.",
            hint="Move the file away, with those beside it that end in -wal and -shm; a new one is created.",
            path=str(path),
        ) from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # After a power failure the last transactions may be lost, but none is after the death of the process.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _write(connection: sqlite3.Connection, submission: Submission) -> Written:
    run, worker, batch = submission
    names = (run, worker, batch.source)
    connection.execute("INSERT OR IGNORE INTO sources VALUES (NULL, ?, ?, ?, 0, 0, 0, 0)", names)
    query = "SELECT key, batch FROM sources WHERE run = ? AND worker = ? AND source = ?"
    source, last_batch = connection.execute(query, names).fetchone()
    if batch.number <= last_batch:
        return Written(Receipt(0, first=False), [])
    query = "SELECT SUM(accepted) FROM sources WHERE run = ? AND worker = ?"
    (accepted,) = connection.execute(query, (run, worker)).fetchone()
    connection.execute("INSERT OR IGNORE INTO streams VALUES (NULL, ?, ?, 0)", (run, batch.stream.value))
    query = "SELECT key, last_seq FROM streams WHERE run = ? AND stream = ?"
    stream, last_seq = connection.execute(query, (run, batch.stream.value)).fetchone()
    connection.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (stream, seq, source, kind.value, number, at, fields)
            for seq, (kind, number, at, fields) in enumerate(batch.events, last_seq + 1)
        ],
    )
    count = len(batch.events)
    connection.execute("UPDATE streams SET last_seq = ? WHERE key = ?", (last_seq + count, stream))
    connection.execute(
        "UPDATE sources SET batch = ?, accepted = accepted + ?, dropped = ?, malformed = ? WHERE key = ?",
        (batch.number, count, batch.dropped, batch.malformed, source),
    )
    stored = [Stored(seq, worker, event) for seq, event in enumerate(batch.events, last_seq + 1)]
    return Written(Receipt(count, first=accepted == 0 and count > 0), stored)
