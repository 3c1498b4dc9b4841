"""Reads rows of the registry, on an open connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final

from psyche_cli.errors import WorkerRunNotFound
from psyche_cli.workers.registry.rows import Move, Page, Run, Slot, Worker

_RUN: Final = ", ".join(Run._fields)
_LISTED_RUN: Final = ", ".join("''" if name == "config" else name for name in Run._fields)
_WORKER: Final = ", ".join(Worker._fields)
_MOVE: Final = ", ".join(Move._fields)


def page_of_runs(
    connection: sqlite3.Connection,
    run_ids: Collection[str] = (),
    *,
    open_only: bool = False,
    limit: int | None = None,
    before: str = "",
) -> Page:
    """The latest ``limit`` runs, of those with these ids if there are any, that were submitted before another one.

    Ids of runs have the order of their submission, except within a millisecond.
    """
    conditions = ["finished_at IS NULL"] if open_only else []
    values: list[Any] = []
    if run_ids:
        conditions.append("run_id IN (SELECT value FROM json_each(?))")
        values.append(json.dumps([*run_ids]))
    if before:
        conditions.append("run_id < ?")
        values.append(before)
    where = f"runs WHERE {' AND '.join(conditions) or '1'}"
    listed = f"SELECT {_LISTED_RUN} FROM {where} ORDER BY run_id DESC LIMIT ?"
    rows = connection.execute(listed, (*values, -1 if limit is None else limit)).fetchall()
    runs = [_run(row) for row in reversed(rows)]
    [count] = connection.execute(f"SELECT count(*) FROM {where}", values).fetchone()
    found = json.dumps([run.run_id for run in runs])
    workers = workers_where(connection, "run_id IN (SELECT value FROM json_each(?))", (found,))
    return Page(runs, workers, count - len(runs))


def count_of_runs(connection: sqlite3.Connection, *, open_only: bool = False) -> int:
    """The number of runs, or of those that have not ended."""
    [count] = connection.execute(
        f"SELECT count(*) FROM runs WHERE {'finished_at IS NULL' if open_only else '1'}"
    ).fetchone()
    return int(count)


def open_run_ids(connection: sqlite3.Connection) -> list[str]:
    """The ids of the runs that have not ended."""
    rows = connection.execute("SELECT run_id FROM runs WHERE finished_at IS NULL ORDER BY run_id")
    return [run_id for (run_id,) in rows]


def changes_of_runs(connection: sqlite3.Connection) -> dict[str, float]:
    """When each run was last changed."""
    return dict(connection.execute("SELECT run_id, updated_at FROM runs"))


def run_with_id(connection: sqlite3.Connection, run_id: str) -> Run:
    """A run. Raises WorkerRunNotFound."""
    row = connection.execute(f"SELECT {_RUN} FROM runs WHERE run_id = ?", (run_id,)).fetchone()
    if row is None:
        raise WorkerRunNotFound(
            f"No run of workers has the id {run_id}.",
            hint="List the runs with `psyche-cli workers list`.",
            run_id=run_id,
        )
    return _run(row)


def run_with_digest(connection: sqlite3.Connection, digest: str) -> Run | None:
    """The run of a configuration."""
    row = connection.execute(f"SELECT {_RUN} FROM runs WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else _run(row)


def workers_where(connection: sqlite3.Connection, condition: str, values: Sequence[Any] = ()) -> list[Worker]:
    """The workers for which a condition in SQL holds, by run and number."""
    rows = connection.execute(f"SELECT {_WORKER} FROM workers WHERE {condition} ORDER BY run_id, number", values)
    return [_worker(row) for row in rows]


def worker_with_id(connection: sqlite3.Connection, run_id: str, worker_id: str) -> Worker:
    """A worker. Raises WorkerRunNotFound."""
    found = workers_where(connection, "run_id = ? AND worker_id = ?", (run_id, worker_id))
    if not found:
        run_with_id(connection, run_id)
        raise WorkerRunNotFound(
            f"The run {run_id} has no worker {worker_id}.",
            hint=f"List its workers with `psyche-cli workers show {run_id}`.",
            run_id=run_id,
            worker_id=worker_id,
        )
    return found[0]


def moves_of(connection: sqlite3.Connection, run_id: str) -> list[Move]:
    """The recorded transitions of the workers of a run, in their order."""
    rows = connection.execute(f"SELECT {_MOVE} FROM transitions WHERE run_id = ? ORDER BY number", (run_id,))
    return [_move(row) for row in rows]


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    """The value of a setting; None if it has none."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def all_slots(connection: sqlite3.Connection) -> list[Slot]:
    """All GPU slots by number."""
    return [Slot(*row) for row in connection.execute("SELECT number, run_id, worker_id FROM gpu_slots ORDER BY number")]


def _run(row: Sequence[Any]) -> Run:
    run = Run(*row)
    return run._replace(is_evaluation=bool(run.is_evaluation))


def _worker(row: Sequence[Any]) -> Worker:
    worker = Worker(*row)
    return worker._replace(
        mandatory=bool(worker.mandatory), slots=_list(str(worker.slots)), error_lines=_list(str(worker.error_lines))
    )


def _move(row: Sequence[Any]) -> Move:
    move = Move(*row)
    return move._replace(facts=_list(str(move.facts)))


def _list(text: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(text))
    except (ValueError, TypeError) as error:
        raise sqlite3.DatabaseError("a row contains a list that is not valid JSON") from error
