"""Reads rows of the registry, on an open connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from psyche_cli.errors import WorkerRunNotFound
from psyche_cli.workers.registry.rows import Move, Run, Slot, Worker

_RUN: Final = ", ".join(Run._fields)
_WORKER: Final = ", ".join(Worker._fields)
_MOVE: Final = ", ".join(Move._fields)


def all_runs(connection: sqlite3.Connection) -> list[Run]:
    """All runs, in the order in which they were submitted."""
    return [_run(row) for row in connection.execute(f"SELECT {_RUN} FROM runs ORDER BY submitted_at, run_id")]


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
