"""The file with the alarms of a monitor: what it knew at the last check, and the notifications that it has to send.

One transaction holds everything that a check changes, so that after a crash, each alarm is either as before the check
or has its notifications.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from psyche_cli.errors import AlarmsDamaged, AlarmsTooNew, MonitoringError, MonitorRunning
from psyche_cli.file_locks import open_locked
from psyche_cli.operations.monitoring.alarms import QUIET, Alarm
from psyche_cli.sqlite_files import FileErrors, FileKind, SqliteFile

FOLDER: Final = "monitor"

_APPLICATION: Final = 0x5073794D
_VERSION: Final = 1
_KEPT_STEPS: Final = 512
"""Steps whose losses are kept, of each run."""

_TABLES: Final = (
    "CREATE TABLE facts (run_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, name))",
    """
CREATE TABLE alarms (
    rule TEXT NOT NULL,
    run_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    phase TEXT NOT NULL,
    since INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (rule, run_id, subject)
)
""",
    """
CREATE TABLE losses (
    run_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    signer TEXT NOT NULL,
    loss REAL,
    PRIMARY KEY (run_id, step, signer)
)
""",
    """
CREATE TABLE notifications (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    destination TEXT NOT NULL,
    created_at REAL NOT NULL,
    body TEXT NOT NULL
)
""",
    """
CREATE TABLE destinations (
    name TEXT PRIMARY KEY,
    attempts INTEGER NOT NULL,
    next_attempt_at REAL NOT NULL,
    reported INTEGER NOT NULL
)
""",
)


class Notification(NamedTuple):
    """A notification to send. ``id`` is the same each time that it is sent, and ``body`` is a JSON object."""

    id: str
    destination: str
    created_at: float
    body: str


class Failing(NamedTuple):
    """A destination that fails: the failures in a row, when to try again, and whether the user knows."""

    attempts: int = 0
    next_attempt_at: float = 0.0
    reported: bool = False


class Alarms:
    """The content of the file, within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fact(self, run_id: str, name: str) -> Any:
        """What is known about a run (about the cluster, if ``run_id`` is empty); None if nothing is."""
        found = self._connection.execute("SELECT value FROM facts WHERE run_id = ? AND name = ?", (run_id, name))
        row = found.fetchone()
        return None if row is None else json.loads(row[0])

    def keep(self, run_id: str, name: str, value: Any) -> None:
        """Replace what is known."""
        row = (run_id, name, json.dumps(value))
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", row)

    def alarm(self, rule: str, run_id: str, subject: str) -> Alarm:
        """The alarm of a rule and a run."""
        row = self._connection.execute(
            "SELECT phase, since, number FROM alarms WHERE rule = ? AND run_id = ? AND subject = ?",
            (rule, run_id, subject),
        ).fetchone()
        return QUIET if row is None else Alarm(*row)

    def subjects(self, rule: str, run_id: str) -> list[str]:
        """The subjects of the alarms that a rule and a run have had."""
        rows = self._connection.execute("SELECT subject FROM alarms WHERE rule = ? AND run_id = ?", (rule, run_id))
        return [subject for (subject,) in rows.fetchall()]

    def set_alarm(self, rule: str, run_id: str, subject: str, alarm: Alarm) -> None:
        """Replace the alarm of a rule and a run."""
        self._connection.execute(
            "INSERT OR REPLACE INTO alarms VALUES (?, ?, ?, ?, ?, ?)", (rule, run_id, subject, *alarm)
        )

    def add_losses(self, run_id: str, losses: Sequence[tuple[int, str, float | None]]) -> None:
        """Add what witnesses reported: step, witness, and the loss, None if it is not a finite number."""
        if not losses:
            return
        rows = [(run_id, *one) for one in losses]
        self._connection.executemany("INSERT OR REPLACE INTO losses VALUES (?, ?, ?, ?)", rows)
        newest = losses[-1][0]  # later steps are those of the run before it was set back
        self._connection.execute(
            "DELETE FROM losses WHERE run_id = ? AND (step <= ? OR step > ?)", (run_id, newest - _KEPT_STEPS, newest)
        )

    def losses(self, run_id: str) -> dict[int, list[float | None]]:
        """The losses that witnesses reported, by step in ascending order."""
        found: dict[int, list[float | None]] = {}
        query = "SELECT step, loss FROM losses WHERE run_id = ? ORDER BY step"
        for step, loss in self._connection.execute(query, (run_id,)):
            found.setdefault(step, []).append(loss)
        return found

    def forget_run(self, run_id: str) -> None:
        """Forget what is known about a run that was closed. Its alarms stay."""
        for table in ("facts", "losses"):
            self._connection.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))

    def notify(self, notification: Notification) -> None:
        """Add a notification to those to send."""
        self._connection.execute(
            "INSERT OR IGNORE INTO notifications (id, destination, created_at, body) VALUES (?, ?, ?, ?)", notification
        )

    def waiting(self) -> list[Notification]:
        """The notifications to send, in order."""
        rows = self._connection.execute("SELECT id, destination, created_at, body FROM notifications ORDER BY number")
        return [Notification(*row) for row in rows]

    def remove(self, notification_id: str) -> None:
        """Remove a notification that was delivered or given up."""
        self._connection.execute("DELETE FROM notifications WHERE id = ?", (notification_id,))

    def failing(self, destination: str) -> Failing:
        """How a destination fails; all zero if it does not."""
        row = self._connection.execute(
            "SELECT attempts, next_attempt_at, reported FROM destinations WHERE name = ?", (destination,)
        ).fetchone()
        return Failing() if row is None else Failing(row[0], row[1], bool(row[2]))

    def set_failing(self, destination: str, failing: Failing) -> None:
        """Replace how a destination fails."""
        row = (destination, failing.attempts, failing.next_attempt_at, int(failing.reported))
        self._connection.execute("INSERT OR REPLACE INTO destinations VALUES (?, ?, ?, ?)", row)


class AlarmFile:
    """The file of the monitor ``name`` in the state folder, which one process at a time uses."""

    def __init__(self, state_folder: Path, name: str) -> None:
        self.path = state_folder / FOLDER / f"{name}.sqlite"
        self._file = SqliteFile(self.path, _KIND)

    @contextlib.contextmanager
    def opened(self) -> Iterator[AlarmFile]:
        """A context in which no other process uses the file. Raises MonitorRunning, MonitoringError."""
        try:
            lock = open_locked(self.path.with_suffix(".lock"))
        except OSError as error:
            raise MonitoringError(
                f"The alarms {self.path} cannot be written: {error.strerror}.",
                hint="Choose another folder with --state-dir.",
                path=str(self.path),
            ) from error
        if lock is None:
            raise MonitorRunning(
                f"Another monitor uses the alarms {self.path}.",
                hint="Stop it, or give one of them another name: write a key name at the top of its rules file.",
                path=str(self.path),
            )
        try:
            yield self
        finally:
            self._file.close()
            os.close(lock)

    @contextlib.contextmanager
    def changing(self) -> Iterator[Alarms]:
        """A transaction. It is undone if an exception is raised in it. Raises MonitoringError."""
        with self._file.writing() as connection:
            yield Alarms(connection)


def _create(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(table)


_KIND: Final = FileKind(
    application=_APPLICATION,
    version=_VERSION,
    create=_create,
    errors=FileErrors(
        name="The alarms",
        failed=MonitoringError,
        damaged=AlarmsDamaged,
        too_new=AlarmsTooNew,
        if_damaged="Remove the file. Alarms that are active are then sent again.",
    ),
)
