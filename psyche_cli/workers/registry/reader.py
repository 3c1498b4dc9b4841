"""Reads the registry of runs and their workers."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Final

from psyche_cli.workers.registry import queries
from psyche_cli.workers.registry.checking import RUNNING
from psyche_cli.workers.registry.database import Database
from psyche_cli.workers.registry.limits import Limits, limits_of
from psyche_cli.workers.registry.rows import Details, Gpus, Move, Overview, Page, Run, Slot, Worker

GPUS_SETTING: Final = "gpus"
"""The name of the setting with the number of GPU slots that was given."""
RUNNING_IN_SQL: Final = f"finished_at IS NULL AND state IN ({', '.join(map(repr, RUNNING))})"
"""The condition of the workers that have a process. The first part makes it use the index of workers that are open."""


class Reader:
    """The registry in a file, with the methods that do not change it.

    A worker is identified by the ids of its run and of itself. All methods raise RegistryError, RegistryDamaged and
    RegistryTooNew, and those that name a run or a worker also WorkerRunNotFound.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._database.path

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def runs(self) -> list[Run]:
        """All runs without their configurations, in the order in which they were submitted. Creates nothing."""
        return self.page().runs

    def page(
        self,
        run_ids: Collection[str] = (),
        *,
        open_only: bool = False,
        limit: int | None = None,
        before: str = "",
    ) -> Page:
        """The latest ``limit`` runs, of all or of those with these ids. Creates nothing.

        ``open_only`` omits those that have ended. With ``before``, the id of a run, they are the latest of those that
        were submitted before it.
        """
        with self._database.reading() as connection:
            return queries.page_of_runs(connection, run_ids, open_only=open_only, limit=limit, before=before)

    def open_run_ids(self) -> list[str]:
        """The ids of the runs that have not ended. Creates nothing."""
        with self._database.reading() as connection:
            return queries.open_run_ids(connection)

    def changes(self) -> dict[str, float]:
        """When each run was last changed. Creates nothing."""
        with self._database.reading() as connection:
            return queries.changes_of_runs(connection)

    def version(self) -> int:
        """A number that changes when another process changes the registry. Creates nothing."""
        return self._database.version()

    def run(self, run_id: str) -> Run:
        """A run. Creates nothing."""
        with self._database.reading() as connection:
            return queries.run_with_id(connection, run_id)

    def workers(self, run_id: str) -> list[Worker]:
        """The workers of a run, by number. Creates nothing."""
        with self._database.reading() as connection:
            queries.run_with_id(connection, run_id)
            return queries.workers_where(connection, "run_id = ?", (run_id,))

    def worker(self, run_id: str, worker_id: str) -> Worker:
        """A worker. Creates nothing."""
        with self._database.reading() as connection:
            return queries.worker_with_id(connection, run_id, worker_id)

    def overview(self, *, open_only: bool = False, limit: int | None = None) -> Overview:
        """The latest ``limit`` runs, the numbers of runs, and the GPU slots, at one moment. Creates nothing."""
        with self._database.reading() as connection:
            return Overview(
                queries.page_of_runs(connection, open_only=open_only, limit=limit),
                queries.count_of_runs(connection),
                queries.count_of_runs(connection, open_only=True),
                _gpus(connection),
            )

    def details(self, run_id: str) -> Details:
        """A run with its workers and their transitions, as they were at one moment. Creates nothing."""
        with self._database.reading() as connection:
            return Details(
                queries.run_with_id(connection, run_id),
                queries.workers_where(connection, "run_id = ?", (run_id,)),
                queries.moves_of(connection, run_id),
            )

    def waiting(self) -> list[Worker]:
        """The workers in INIT, those of the oldest run first."""
        return self._workers_where("finished_at IS NULL AND state = 'INIT'")

    def running(self) -> list[Worker]:
        """The workers that have a process: those in HANDSHAKE, READY and EXECUTING."""
        return self._workers_where(RUNNING_IN_SQL)

    def silent(self, at: float) -> list[Worker]:
        """The running workers that have been silent for too long at a time."""
        return [worker for worker, limits in self._running_with_limits() if is_silent(worker, limits, at)]

    def late(self, at: float) -> list[Worker]:
        """The workers whose handshake has not come in time at a time."""
        return [worker for worker, limits in self._running_with_limits() if is_late(worker, limits, at)]

    def history(self, run_id: str) -> list[Move]:
        """The transitions of the workers of a run, oldest first. Creates nothing."""
        with self._database.reading() as connection:
            queries.run_with_id(connection, run_id)
            return queries.moves_of(connection, run_id)

    def slots(self) -> list[Slot]:
        """All GPU slots of this machine."""
        return self.gpus().slots

    def gpus(self) -> Gpus:
        """All GPU slots of this machine, and where their number comes from."""
        with self._database.reading() as connection:
            return _gpus(connection)

    def _workers_where(self, condition: str) -> list[Worker]:
        with self._database.reading() as connection:
            return queries.workers_where(connection, condition)

    def _running_with_limits(self) -> list[tuple[Worker, Limits]]:
        with self._database.reading() as connection:
            workers = queries.workers_where(connection, RUNNING_IN_SQL)
            runs = {worker.run_id: queries.run_with_id(connection, worker.run_id) for worker in workers}
            return [(worker, limits_of(runs[worker.run_id].config)) for worker in workers]


def _gpus(connection: sqlite3.Connection) -> Gpus:
    return Gpus(queries.all_slots(connection), queries.setting(connection, GPUS_SETTING) is not None)


def is_silent(worker: Worker, limits: Limits, at: float) -> bool:
    """Whether a running worker has given no sign of life for too long."""
    return worker.heard_at is not None and worker.state in RUNNING and at - worker.heard_at >= limits.silence


def is_late(worker: Worker, limits: Limits, at: float) -> bool:
    """Whether a worker has not registered in time."""
    return worker.started_at is not None and worker.state == "HANDSHAKE" and at - worker.started_at >= limits.handshake
