"""The record of scheduled acts: a SQLite file in the state folder that outlives the process.

An act is recorded, and the record is on disk, before its transaction is recorded in the journal and sent. Until its
outcome is known it counts as done, so no interruption makes an act happen twice or a limit be exceeded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import Enum
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from psyche_cli.errors import JournalDamaged, JournalError, JournalTooNew, ScheduleRunning
from psyche_cli.operations.schedule.received import INDEX as RECEIVED_INDEX
from psyche_cli.operations.schedule.received import TABLE as RECEIVED_TABLE
from psyche_cli.sqlite_files import FileErrors, FileKind, SqliteFile, all_or_nothing

FILE_NAME: Final = "schedule.sqlite3"
FORMAT: Final = 2
"""Version of the tables, in SQLite's ``user_version``. Version 1 did not record what vaults received."""

DAY: Final = 86_400
"""Seconds of the window of ``--per-day``."""

_APPLICATION: Final = 0x50537944
"""Marks the file as this record, in SQLite's ``application_id``."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS acts (
    number INTEGER PRIMARY KEY,
    genesis_hash TEXT NOT NULL,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    amount TEXT NOT NULL,
    reason TEXT NOT NULL,
    signature TEXT,
    state TEXT NOT NULL,
    cluster_time INTEGER NOT NULL,
    slot INTEGER NOT NULL
)
"""
_INDEX: Final = "CREATE INDEX IF NOT EXISTS of_runs ON acts (genesis_hash, run_id, kind)"

Kind: TypeAlias = Literal["pause", "top-up"]


class ActState(Enum):
    """What is known about an act. All but OPEN are final."""

    OPEN = "open"
    """Its transaction may have been sent, and its outcome is not known."""
    DONE = "done"
    UNDONE = "undone"
    """Its transaction has failed, has expired or was never sent."""


class Act(NamedTuple):
    """A recorded act.

    ``subject`` distinguishes acts of the same kind that happen once each; empty for top-ups. ``amount`` is in base
    units of the collateral. ``signature`` is None if the run was already as wanted. ``cluster_time`` is a time in
    seconds since 1970, by the cluster's clock, at which the act was over if it is DONE, and before it otherwise.
    ``slot`` is the one in which its transaction landed, 0 if that is not known.
    """

    number: int
    kind: Kind
    subject: str
    amount: int
    reason: str
    signature: str | None
    state: ActState
    cluster_time: int
    slot: int


class Acts:
    """The acts of one kind on one run of one cluster, in a file that the first of them creates.

    Methods raise JournalError, JournalDamaged and JournalTooNew.
    """

    def __init__(self, file: SqliteFile, genesis_hash: str, run_id: str, kind: Kind) -> None:
        self._file = file
        self._owner = (genesis_hash, run_id, kind)

    def begin(
        self,
        *,
        subject: str,
        amount: int,
        reason: str,
        signature: str,
        cluster_time: int,
        is_allowed: Callable[[list[Act]], bool],
    ) -> None:
        """Record an act that is about to be sent. On return, it is on disk.

        Raises ScheduleRunning unless all other acts are over and ``is_allowed``, which is called with them: the file
        itself keeps two processes from acting at once where the locks do not, as on some network file systems.
        """
        with self._file.writing() as connection:
            acts = self._select(connection)
            if any(act.state is ActState.OPEN for act in acts) or not is_allowed(acts):
                [*_, run_id, _] = self._owner
                raise ScheduleRunning(
                    f"Another process has acted on the same schedule of run {run_id!r} meanwhile.",
                    hint="Nothing was sent. Check again.",
                    run_id=run_id,
                )
            self._insert(connection, subject, amount, reason, signature, ActState.OPEN, cluster_time)

    def add_done(
        self,
        *,
        subject: str,
        reason: str,
        cluster_time: int,
        amount: int = 0,
        signature: str | None = None,
        slot: int | None = None,
    ) -> None:
        """Record an act that was done by other means: the run was as wanted, or another command has transferred."""
        with self._file.writing() as connection:
            self._insert(connection, subject, amount, reason, signature, ActState.DONE, cluster_time, slot or 0)

    def end(self, signature: str, state: ActState, *, cluster_time: int, slot: int | None) -> None:
        """Record the outcome of an open act, known at ``cluster_time``."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE acts SET state = ?, cluster_time = ?, slot = ? WHERE genesis_hash = ? AND run_id = ? "
                "AND kind = ? AND signature = ? AND state = 'open'",
                (state.value, cluster_time, slot or 0, *self._owner, signature),
            )

    def all(self) -> list[Act]:
        """All acts, oldest first. Creates nothing."""
        with self._file.reading() as connection:
            return self._select(connection)

    def _select(self, connection: sqlite3.Connection) -> list[Act]:
        rows = connection.execute(
            "SELECT number, kind, subject, amount, reason, signature, state, cluster_time, slot FROM acts "
            "WHERE genesis_hash = ? AND run_id = ? AND kind = ? ORDER BY number",
            self._owner,
        ).fetchall()
        return [Act(*row)._replace(amount=int(row[3]), state=ActState(row[6])) for row in rows]

    def _insert(
        self,
        connection: sqlite3.Connection,
        subject: str,
        amount: int,
        reason: str,
        signature: str | None,
        state: ActState,
        cluster_time: int,
        slot: int = 0,
    ) -> None:
        columns = "genesis_hash, run_id, kind, subject, amount, reason, signature, state, cluster_time, slot"
        # As text: an amount may exceed the integers of SQLite, which are signed.
        values = (*self._owner, subject, str(amount), reason, signature, state.value, cluster_time, slot)
        connection.execute(f"INSERT INTO acts ({columns}) VALUES ({', '.join('?' * len(values))})", values)


def transferred(acts: list[Act], now: int, income: int = 0) -> int:
    """The base units that count as transferred in the 24 hours before ``now``, by the cluster's clock.

    ``income`` is what the vault is known to have received in this time, by any command. Acts that have not
    landed for certain count besides. Includes acts after ``now``, because another endpoint may be ahead.
    """
    recent = [act for act in acts if act.state is ActState.OPEN or _is_recent(act, now)]
    landed = sum(act.amount for act in recent if act.slot > 0)
    return in_doubt(acts, now) + max(landed, income)


def in_doubt(acts: list[Act], now: int) -> int:
    """The base units of the acts that may or may not have landed, in the 24 hours before ``now``."""
    return sum(act.amount for act in acts if act.slot == 0 and (act.state is ActState.OPEN or _is_recent(act, now)))


def free_at(acts: list[Act], now: int) -> int | None:
    """When the oldest act of the last 24 hours no longer counts, by the cluster's clock; None if there is none."""
    return min((act.cluster_time + DAY for act in acts if act.amount > 0 and _is_recent(act, now)), default=None)


def _is_recent(act: Act, now: int) -> bool:
    return act.state is ActState.DONE and act.cluster_time > now - DAY


@contextmanager
def acts_file(folder: Path) -> Iterator[SqliteFile]:
    """The file in the state folder."""
    with closing(SqliteFile(folder / FILE_NAME, _KIND)) as file:
        yield file


def _create(connection: sqlite3.Connection) -> None:
    for statement in (_TABLE, _INDEX, RECEIVED_TABLE, RECEIVED_INDEX):
        connection.execute(statement)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Add what version 1 did not have; another process may have done it."""
    with all_or_nothing(connection):
        _create(connection)
        connection.execute(f"PRAGMA user_version = {FORMAT}")


_KIND: Final = FileKind(
    _APPLICATION,
    FORMAT,
    _create,
    FileErrors(
        "The record of scheduled acts",
        failed=JournalError,
        damaged=JournalDamaged,
        too_new=JournalTooNew,
        if_damaged="Nothing was sent. Move the file away once --per-day may start again from zero.",
        if_too_new="Update psyche-cli, or choose another folder with --state-dir. Nothing was sent.",
    ),
    upgrade=_upgrade,
)
