"""The registry of runs and their workers.

Every transition is checked against the life cycle of a worker (``lifecycle.worker``) and recorded in one transaction,
so that several threads and processes can use the registry at the same time. What the registry knows itself, it checks
itself: whether GPU slots are free, whether a cancellation was requested, whether a worker is silent or late.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from typing import Final, Literal

from psyche_cli.errors import InvalidSubmission
from psyche_cli.lifecycle.worker import (
    CANCELLED,
    REGISTERED,
    STARTED,
    SUBMITTED,
    TELEMETRY,
)
from psyche_cli.workers.registry import changes, queries, tokens
from psyche_cli.workers.registry.checking import ENDS
from psyche_cli.workers.registry.limits import limits_of
from psyche_cli.workers.registry.reader import GPUS_SETTING, RUNNING_IN_SQL, Reader, is_late, is_silent
from psyche_cli.workers.registry.rows import Cancellation, Recovery, Submitted, Worker
from psyche_cli.workers.registry.submission import Submission
from psyche_cli.workers.run_ids import new_run_id

_REGISTERED: Final = ("READY", "EXECUTING")
_MOST_STDERR: Final = 50
_MOST_LINE: Final = 1_000
_LISTED: Final = "run_id = ? AND worker_id = ?"


class Registry(Reader):
    """The registry in a file, with the methods that change it. Times are in seconds since 1970."""

    # --- runs ---------------------------------------------------------------------------------------------------

    def submit(self, submission: Submission, *, at: float, most_gpus: int | None = None) -> Submitted:
        """Record a run with its workers in INIT; a configuration that was submitted before returns its run.

        Raises InvalidSubmission if a worker requires more than ``most_gpus`` GPUs.
        """
        for part in submission.workers:
            if most_gpus is not None and part.mandatory and part.gpus > most_gpus:
                raise InvalidSubmission(
                    f"The worker {part.worker_id} requires {part.gpus} GPUs, and this machine has {most_gpus}.",
                    key="payload.resources.gpus",
                    hint="Request fewer GPUs, or set mandatory to false.",
                )
        with self._database.writing() as connection:
            if (known := queries.run_with_digest(connection, submission.digest)) is not None:
                return Submitted(known, created=False)
            run_id = new_run_id(at)
            connection.execute(
                "INSERT INTO runs (run_id, name, is_evaluation, status, config, digest, submitted_at, updated_at) "
                "VALUES (?, ?, ?, 'INIT', ?, ?, ?, ?)",
                (run_id, submission.name, submission.is_evaluation, submission.config, submission.digest, at, at),
            )
            for number, part in enumerate(submission.workers):
                connection.execute(
                    "INSERT INTO workers (run_id, worker_id, number, state, reached, gpus, mandatory, updated_at) "
                    "VALUES (?, ?, ?, 'INIT', 'INIT', ?, ?, ?)",
                    (run_id, part.worker_id, number, part.gpus, part.mandatory, at),
                )
                worker = queries.worker_with_id(connection, run_id, part.worker_id)
                changes.record(connection, worker, worker.state, SUBMITTED, (), at, created=True)
            return Submitted(queries.run_with_id(connection, run_id), created=True)

    def cancel(self, run_id: str, *, at: float) -> Cancellation:
        """Request the cancellation of a run. Its workers in INIT become CANCELLED at once.

        The caller ends the processes of the others, and reports ``CANCELLED`` for each of them once no process of its
        group is left. Nothing changes if the run has ended.
        """
        with self._database.writing() as connection:
            run = queries.run_with_id(connection, run_id)
            if run.finished_at is not None:
                return Cancellation(run, ())
            connection.execute(
                "UPDATE runs SET cancel_requested_at = coalesce(cancel_requested_at, ?), updated_at = ? "
                "WHERE run_id = ?",
                (at, at, run_id),
            )
            for worker in queries.workers_where(connection, "run_id = ? AND state = 'INIT'", (run_id,)):
                self._move(connection, worker, CANCELLED, (), at)
            to_stop = queries.workers_where(connection, f"run_id = ? AND {RUNNING_IN_SQL}", (run_id,))
            return Cancellation(queries.run_with_id(connection, run_id), tuple(to_stop))

    def remove(self, run_id: str) -> bool:
        """Remove a run that has ended, with its workers and history. Returns False if it has not ended."""
        with self._database.writing() as connection:
            if queries.run_with_id(connection, run_id).finished_at is None:
                return False
            connection.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))
            return True

    # --- workers ------------------------------------------------------------------------------------------------

    def start(self, run_id: str, worker_id: str, *, at: float, assign_slots: bool = True) -> Worker:
        """Claim the GPU slots of a worker and move it from INIT to HANDSHAKE, before its process is started.

        It gets the free slots with the lowest numbers: all that it wants, or fewer if it does not require them.
        Without ``assign_slots`` it gets none, because the engine assigns GPUs. Raises SlotsNotFree, upon which the
        worker remains in INIT, and IllegalTransition.
        """
        with self._database.writing() as connection:
            worker = queries.worker_with_id(connection, run_id, worker_id)
            claimed = changes.claim(connection, worker) if assign_slots and worker.state == "INIT" else ()
            connection.execute(
                "UPDATE workers SET slots = ?, handle = NULL, starts = starts + 1, started_at = ?, heard_at = ? "
                f"WHERE {_LISTED}",
                (json.dumps(claimed), at, at, run_id, worker_id),
            )
            return self._move(connection, worker, STARTED, (), at)

    def set_handle(self, run_id: str, worker_id: str, handle: str) -> None:
        """Record the handle of the process of a worker."""
        with self._database.writing() as connection:
            queries.worker_with_id(connection, run_id, worker_id)
            connection.execute(f"UPDATE workers SET handle = ? WHERE {_LISTED}", (handle, run_id, worker_id))

    def issue_token(self, run_id: str, worker_id: str, kind: tokens.Kind, *, at: float) -> str:
        """A new token of a worker, which replaces an earlier one of this kind. Only its digest is recorded."""
        with self._database.writing() as connection:
            queries.worker_with_id(connection, run_id, worker_id)
            return tokens.issue(connection, run_id, worker_id, kind, at)

    def check_token(self, run_id: str, worker_id: str, kind: tokens.Kind, token: str) -> bool:
        """Whether a token is valid. Takes the same time for all invalid tokens.

        A worker with a valid session token has registered: its launch token is not valid anymore.
        """
        with self._database.reading() as connection:
            valid = tokens.is_valid(connection, run_id, worker_id, kind, token)
            is_first = valid and kind == "session" and tokens.has(connection, run_id, worker_id, "launch")
        if is_first:
            with self._database.writing() as connection:
                tokens.revoke(connection, run_id, worker_id, "launch")
        return valid

    def register(self, run_id: str, worker_id: str, launch_token: str, *, accepted: bool, at: float) -> str | None:
        """Move a worker from HANDSHAKE to READY, and return its session token; None if the launch token is invalid.

        A launch token is valid until the session token is used for the first time. Until then, a worker whose daemon
        was killed before it could answer registers again, and gets another session token in place of the first one.
        ``accepted`` is whether its capabilities are. Raises IllegalTransition.
        """
        with self._database.writing() as connection:
            if not tokens.is_valid(connection, run_id, worker_id, "launch", launch_token):
                return None
            worker = queries.worker_with_id(connection, run_id, worker_id)
            if not accepted or worker.state not in _REGISTERED:
                self._move(connection, worker, REGISTERED, ("capabilities-accepted",) if accepted else (), at)
            changes.hear(connection, worker, at)
            return tokens.issue(connection, run_id, worker_id, "session", at)

    def transition(
        self,
        run_id: str,
        worker_id: str,
        event: str,
        facts: Collection[str] = (),
        *,
        at: float,
        reason: str = "",
        exit_code: int | None = None,
        exit_signal: int | None = None,
        error_lines: Sequence[str] = (),
    ) -> Worker:
        """Apply an event, the trigger of a transition, and return the changed worker.

        ``facts`` are the conditions that hold and that only the caller knows: ``exit-code-0``, ``group-gone`` and
        ``capabilities-accepted``. At an end, and when it returns to INIT, the GPU slots and tokens of the worker are
        released. ``reason``, ``exit_code``, ``exit_signal``, and the last ``error_lines`` of its standard error are
        recorded. Raises IllegalTransition.
        """
        with self._database.writing() as connection:
            worker = queries.worker_with_id(connection, run_id, worker_id)
            lines = [line[:_MOST_LINE] for line in error_lines[-_MOST_STDERR:]]
            connection.execute(
                f"UPDATE workers SET exit_code = ?, exit_signal = ?, error_lines = ? WHERE {_LISTED}",
                (exit_code, exit_signal, json.dumps(lines), run_id, worker_id),
            )
            return self._move(connection, worker, event, facts, at, reason)

    def heard_from(self, run_id: str, worker_id: str, *, at: float, telemetry: bool = False) -> Worker:
        """Record a sign of life. The first ``telemetry`` of a worker in READY moves it to EXECUTING.

        A sign of life of a worker that has ended changes nothing.
        """
        with self._database.writing() as connection:
            worker = queries.worker_with_id(connection, run_id, worker_id)
            if worker.state in ENDS:
                return worker
            changes.hear(connection, worker, at)
            if telemetry and worker.state == "READY":
                return self._move(connection, worker, TELEMETRY, (), at)
            return queries.worker_with_id(connection, run_id, worker_id)

    def recover(self) -> Recovery:
        """What a daemon finds when it starts: the workers that had a process. Frees slots of workers without one.

        For each of them the daemon asks the engine: one that still runs is kept; one in HANDSHAKE or READY whose
        process has gone returns to INIT (``RESTARTED``); all others have ended.
        """
        with self._database.writing() as connection:
            running = queries.workers_where(connection, RUNNING_IN_SQL)
            holders = {(worker.run_id, worker.worker_id) for worker in running}
            lost = [
                slot.number
                for slot in queries.all_slots(connection)
                if slot.run_id is not None and (slot.run_id, slot.worker_id) not in holders
            ]
            connection.executemany(
                "UPDATE gpu_slots SET run_id = NULL, worker_id = NULL WHERE number = ?", [(number,) for number in lost]
            )
            return Recovery(tuple(running), tuple(lost))

    def limit_times(self, at: float) -> None:
        """Replace times of running workers that are later than ``at``, because the clock was set back.

        A worker would otherwise count as heard until the clock has reached that time again.
        """
        with self._database.writing() as connection:
            for name in ("heard_at", "started_at"):
                connection.execute(f"UPDATE workers SET {name} = ? WHERE {RUNNING_IN_SQL} AND {name} > ?", (at, at))

    def set_slot_count(self, found: int, told: int | Literal["auto"] | None = None) -> int:
        """Set the number of GPU slots, and return it. A slot in use above it is kept until a call after its release.

        It is ``told``, which is remembered for later calls with None; "auto" forgets it. Otherwise it is ``found``, the
        number of GPUs of this machine.
        """
        with self._database.writing() as connection:
            if told == "auto":
                connection.execute("DELETE FROM settings WHERE name = ?", (GPUS_SETTING,))
            elif told is not None:
                connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (GPUS_SETTING, str(told)))
            remembered = queries.setting(connection, GPUS_SETTING)
            count = found if remembered is None else int(remembered)
            connection.execute("DELETE FROM gpu_slots WHERE number >= ? AND run_id IS NULL", (count,))
            connection.executemany(
                "INSERT OR IGNORE INTO gpu_slots (number) VALUES (?)", [(number,) for number in range(count)]
            )
            return count

    # --- inside a transaction -----------------------------------------------------------------------------------

    def _move(
        self,
        connection: sqlite3.Connection,
        worker: Worker,
        event: str,
        facts: Collection[str],
        at: float,
        reason: str = "",
    ) -> Worker:
        """Apply an event to a worker. Adds the conditions that the registry knows to ``facts``."""
        run = queries.run_with_id(connection, worker.run_id)
        limits = limits_of(run.config)
        own = {
            "cancel-requested": run.cancel_requested_at is not None,
            "silent": is_silent(worker, limits, at),
            "handshake-late": is_late(worker, limits, at),
            "slots-free": event == STARTED,
        }
        held = {*(name for name in facts if name not in own), *(name for name, holds in own.items() if holds)}
        return changes.move(connection, worker, event, held, at, reason)
