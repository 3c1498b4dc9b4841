"""The parts of a change of the registry, on a connection with an open transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from typing import Final

from psyche_cli.errors import IllegalTransition, SlotsNotFree
from psyche_cli.lifecycle.machine import NEGATION
from psyche_cli.lifecycle.worker import WORKER
from psyche_cli.workers.registry import queries, tokens
from psyche_cli.workers.registry.checking import ENDS, OPEN, NotAllowed, status_of, target_of
from psyche_cli.workers.registry.rows import Worker

_MOST_REASON: Final = 500


def move(
    connection: sqlite3.Connection,
    worker: Worker,
    event: str,
    facts: Collection[str],
    at: float,
    reason: str = "",
) -> Worker:
    """Apply an event to a worker, and derive the status of its run. Raises IllegalTransition.

    A worker that ends or returns to INIT loses its GPU slots and tokens.
    """
    try:
        target = target_of(worker.state, event, facts)
    except NotAllowed as refusal:
        raise _illegal(worker, event, refusal.obstacles) from None
    reason = reason[:_MOST_REASON]
    connection.execute(
        "UPDATE workers SET state = ?, reached = ?, updated_at = ?, finished_at = ?, reason = ? "
        "WHERE run_id = ? AND worker_id = ?",
        (
            target,
            target if target in OPEN else worker.reached,
            at,
            at if target in ENDS else None,
            reason,
            worker.run_id,
            worker.worker_id,
        ),
    )
    if target in ENDS or target == OPEN[0]:
        connection.execute(
            "UPDATE gpu_slots SET run_id = NULL, worker_id = NULL WHERE run_id = ? AND worker_id = ?",
            (worker.run_id, worker.worker_id),
        )
        tokens.revoke(connection, worker.run_id, worker.worker_id)
    record(connection, worker, target, event, facts, at, reason)
    _follow(connection, worker.run_id, at)
    return queries.worker_with_id(connection, worker.run_id, worker.worker_id)


def record(
    connection: sqlite3.Connection,
    worker: Worker,
    target: str,
    event: str,
    facts: Collection[str],
    at: float,
    reason: str = "",
    *,
    created: bool = False,
) -> None:
    """Add a transition to the history."""
    connection.execute(
        "INSERT INTO transitions (run_id, worker_id, source, target, event, facts, at, reason) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            worker.run_id,
            worker.worker_id,
            None if created else worker.state,
            target,
            event,
            json.dumps(sorted(facts)),
            at,
            reason,
        ),
    )


def claim(connection: sqlite3.Connection, worker: Worker) -> tuple[int, ...]:
    """Give a worker the free GPU slots with the lowest numbers, as many as it wants or as there are.

    Raises SlotsNotFree if it requires more than there are.
    """
    free = [slot.number for slot in queries.all_slots(connection) if slot.run_id is None]
    if worker.mandatory and len(free) < worker.gpus:
        raise SlotsNotFree(
            f"The worker {worker.worker_id} of run {worker.run_id} requires {worker.gpus} GPU slots, and {len(free)} "
            f"are free.",
            hint="It starts when other workers end.",
            run_id=worker.run_id,
            worker_id=worker.worker_id,
            wanted=worker.gpus,
            free=len(free),
        )
    claimed = tuple(free[: worker.gpus])
    connection.executemany(
        "UPDATE gpu_slots SET run_id = ?, worker_id = ? WHERE number = ?",
        [(worker.run_id, worker.worker_id, number) for number in claimed],
    )
    return claimed


def hear(connection: sqlite3.Connection, worker: Worker, at: float) -> None:
    """Record a sign of life. The clock may have been set back, so the latest time counts."""
    connection.execute(
        "UPDATE workers SET heard_at = max(coalesce(heard_at, 0), ?) WHERE run_id = ? AND worker_id = ?",
        (at, worker.run_id, worker.worker_id),
    )
    connection.execute("UPDATE runs SET heard_at = max(coalesce(heard_at, 0), ?) WHERE run_id = ?", (at, worker.run_id))


def _follow(connection: sqlite3.Connection, run_id: str, at: float) -> None:
    """Derive the status of a run, and when and why it ended, from its workers."""
    states = connection.execute("SELECT state, reached FROM workers WHERE run_id = ?", (run_id,)).fetchall()
    status = status_of(states)
    reason = ""
    if status == "FAULTED":
        failed = queries.workers_where(connection, "run_id = ? AND state = 'FAULTED'", (run_id,))
        first = min(failed, key=lambda one: (one.finished_at or 0, one.number))
        reason = first.reason if len(states) == 1 else f"{first.worker_id}: {first.reason}"
    connection.execute(
        "UPDATE runs SET status = ?, updated_at = ?, finished_at = ?, reason = ? WHERE run_id = ?",
        (status, at, at if status in ENDS else None, reason, run_id),
    )


def _illegal(worker: Worker, event: str, obstacles: tuple[str, ...]) -> IllegalTransition:
    known = any(one.trigger == event for one in WORKER.leaving(worker.state))
    why = f": {', '.join(_words(name) for name in obstacles)}" if known else ""
    return IllegalTransition(
        f"The worker {worker.worker_id} of run {worker.run_id} is {worker.state}. There, {event!r} cannot happen{why}.",
        hint=f"`psyche-cli lifecycle show worker` lists what can happen in {worker.state}.",
        run_id=worker.run_id,
        worker_id=worker.worker_id,
        state=worker.state,
        event=event,
        obstacles=obstacles,
    )


def _words(obstacle: str) -> str:
    name = obstacle.removeprefix(NEGATION)
    return f"{name} does not hold" if name == obstacle else f"{name} holds"
