"""The database of telemetry: a SQLite file with the events of all runs.

One thread writes. Readers have connections of their own; with the write-ahead log neither waits for the other. After
``kill -9`` of the daemon everything that was committed is there.

A batch is a row, because the cost of a row is many times that of an event. The view ``events`` has a row per event, for
people who look at the file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from psyche_cli.errors import TelemetryError
from psyche_cli.sqlite_files import FileErrors, FileKind, all_or_nothing
from psyche_cli.workers.telemetry.events import Batch, Receipt, Stored, Stream

FORMAT: Final = 2
"""Version of the tables, in SQLite's ``user_version``."""

_TABLES: Final = (
    """
CREATE TABLE sources (
    key INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    worker TEXT NOT NULL,
    source TEXT NOT NULL,
    batch INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    malformed INTEGER NOT NULL,
    UNIQUE (run, worker, source)
)
""",
    """
CREATE TABLE streams (
    key INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    stream TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    UNIQUE (run, stream)
)
""",
    # The lines of a batch are separated by line breaks, and its times are a JSON array.
    """
CREATE TABLE batches (
    stream INTEGER NOT NULL REFERENCES streams (key) ON DELETE CASCADE,
    last_seq INTEGER NOT NULL,
    source INTEGER NOT NULL REFERENCES sources (key),
    count INTEGER NOT NULL,
    times TEXT NOT NULL,
    lines TEXT NOT NULL,
    UNIQUE (stream, last_seq)
)
""",
    """
CREATE VIEW events AS
SELECT
    streams.run AS run,
    streams.stream AS stream,
    batches.last_seq - batches.count + 1 + line.key AS seq,
    sources.worker AS worker,
    json_extract(batches.times, '$[' || line.key || ']') AS at,
    line.value AS line
FROM batches
JOIN streams ON streams.key = batches.stream
JOIN sources ON sources.key = batches.source
JOIN json_each('[' || replace(batches.lines, char(10), ',') || ']') AS line
""",
)

_BATCHES: Final = """
SELECT last_seq, worker, times, lines FROM batches JOIN sources ON sources.key = batches.source
WHERE stream = (SELECT key FROM streams WHERE run = ? AND stream = ?) AND last_seq > ? ORDER BY last_seq
"""
_DELETED_AT_ONCE: Final = 100


_MOVE_AWAY: Final = "Move the file away, with those beside it that end in -wal and -shm; a new one is created."


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in _TABLES:
        connection.execute(statement)


def _refuse_version_1(connection: sqlite3.Connection) -> None:
    [path] = [file for _, name, file in connection.execute("PRAGMA database_list") if name == "main"]
    raise TelemetryError(
        f"The telemetry of workers {path} was written by an older psyche-cli: it has version 1, and this one needs "
        f"version {FORMAT}.",
        hint=_MOVE_AWAY,
        path=path,
        version=1,
        supported=FORMAT,
    )


_ERRORS: Final = FileErrors(
    "The telemetry of workers", TelemetryError, TelemetryError, TelemetryError, if_damaged=_MOVE_AWAY
)
_KIND: Final = FileKind(
    application=0,  # version 1 has not marked its file
    version=FORMAT,
    create=_create_tables,
    errors=_ERRORS,
    upgrade=_refuse_version_1,
    write_ahead=True,
    checked=False,  # it may be large, and the daemon must start quickly
)


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
    """The database at ``path``, which is created. Safe to use from any thread. All methods raise TelemetryError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing, self._reading = Lock(), Lock()
        with ExitStack() as opened, _ERRORS.converted(path, "opened"):
            self._writer = opened.enter_context(closing(_KIND.open(path, create=True)))
            self._reader = opened.enter_context(closing(_KIND.open(path, create=False)))
            opened.pop_all()

    def store(self, submissions: Sequence[Submission]) -> list[Written]:
        """Number and store the events of all submissions, or none of them. A batch that is already there is skipped."""
        with self._transaction() as connection:
            return [_write(connection, submission) for submission in submissions]

    def last_seq(self, run: str, stream: Stream) -> int:
        """The sequence number of the last event, 0 if there is none."""
        query = "SELECT last_seq FROM streams WHERE run = ? AND stream = ?"
        with self._reading, _ERRORS.converted(self._path, "read"):
            row = self._reader.execute(query, (run, stream.value)).fetchone()
        return 0 if row is None else int(row[0])

    def events(self, run: str, stream: Stream, since_seq: int, limit: int) -> list[Stored]:
        """The first ``limit`` events after ``since_seq``, in order."""
        found: list[Stored] = []
        with self._reading, _ERRORS.converted(self._path, "read"), closing(self._reader.cursor()) as cursor:
            for last_seq, worker, times, lines in cursor.execute(_BATCHES, (run, stream.value, since_seq)):
                found += _events(last_seq, worker, times, lines, since_seq)
                if len(found) >= limit:
                    break
        return found[:limit]

    def totals(self, run: str) -> dict[str, Totals]:
        """What each worker of a run has reported."""
        query = "SELECT worker, SUM(accepted), SUM(dropped), SUM(malformed) FROM sources WHERE run = ? GROUP BY worker"
        with self._reading, _ERRORS.converted(self._path, "read"):
            rows = self._reader.execute(query, (run,)).fetchall()
        return {worker: Totals(*numbers) for worker, *numbers in rows}

    def delete(self, run: str) -> None:
        """Delete all events of a run that has ended, in several transactions."""
        query = "SELECT rowid FROM batches WHERE stream IN (SELECT key FROM streams WHERE run = ?) LIMIT ?"
        while True:
            with self._transaction() as connection:
                found = connection.execute(query, (run, _DELETED_AT_ONCE)).fetchall()
                if not found:
                    connection.execute("DELETE FROM streams WHERE run = ?", (run,))
                    connection.execute("DELETE FROM sources WHERE run = ?", (run,))
                    return
                connection.executemany("DELETE FROM batches WHERE rowid = ?", found)

    def close(self) -> None:
        """Close the connections. The write-ahead log is merged into the database."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing, _ERRORS.converted(self._path, "written"), all_or_nothing(self._writer) as connection:
            yield connection


def _events(last_seq: int, worker: str, times: str, lines: str, since_seq: int) -> list[Stored]:
    """The events of a batch after ``since_seq``. Raises sqlite3.DatabaseError."""
    ats, texts = _decoded(times), lines.split("\n")
    if len(ats) != len(texts):
        raise sqlite3.DatabaseError("a batch has another number of times than of lines")
    first = last_seq - len(texts) + 1
    skipped = max(since_seq + 1 - first, 0)
    return [
        Stored(seq, worker, at, line)
        for seq, at, line in zip(range(first + skipped, last_seq + 1), ats[skipped:], texts[skipped:], strict=True)
    ]


def _decoded(times: str) -> list[int]:
    try:
        return list(json.loads(times))
    except (ValueError, TypeError) as error:
        raise sqlite3.DatabaseError("the times of a batch are invalid") from error


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
    count = len(batch.events)
    stored: list[Stored] = []
    if count:
        connection.execute("INSERT OR IGNORE INTO streams VALUES (NULL, ?, ?, 0)", (run, batch.stream.value))
        query = "SELECT key, last_seq FROM streams WHERE run = ? AND stream = ?"
        stream, last_seq = connection.execute(query, (run, batch.stream.value)).fetchone()
        times, lines = [at for at, _ in batch.events], "\n".join(line for _, line in batch.events)
        row = (stream, last_seq + count, source, count, json.dumps(times, separators=(",", ":")), lines)
        connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.execute("UPDATE streams SET last_seq = ? WHERE key = ?", (last_seq + count, stream))
        stored = [Stored(seq, worker, at, line) for seq, (at, line) in enumerate(batch.events, last_seq + 1)]
    connection.execute(
        "UPDATE sources SET batch = ?, accepted = accepted + ?, dropped = ?, malformed = ? WHERE key = ?",
        (batch.number, count, batch.dropped, batch.malformed, source),
    )
    return Written(Receipt(count, first=accepted == 0 and count > 0), stored)
