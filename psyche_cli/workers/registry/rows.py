"""What the registry records. Times are in seconds since 1970."""

from __future__ import annotations

from typing import NamedTuple


class Run(NamedTuple):
    """A submitted run. Its ``status`` follows from the states of its workers.

    ``config`` is the submitted configuration as canonical JSON, empty in a list of runs, because it may be large.
    ``digest`` is the SHA-256 of it in hex. ``heard_at``
    is the last sign of life of any of its workers. ``reason`` says why it failed; empty if it did not.
    """

    run_id: str
    name: str
    is_evaluation: bool
    status: str
    config: str
    digest: str
    submitted_at: float
    updated_at: float
    heard_at: float | None
    cancel_requested_at: float | None
    finished_at: float | None
    reason: str


class Worker(NamedTuple):
    """A worker of a run. ``number`` is its position in the configuration, from 0.

    ``reached`` is its last state that is not an end. ``gpus`` is the number of GPU slots that it wants, all of them if
    ``mandatory``, and ``slots`` are those that it has, or had until it ended. ``handle`` identifies its process for the
    engine, ``starts`` counts how often it was started, and ``started_at`` is the time of the last start. ``heard_at``
    is its last sign of life. It ended with ``exit_code`` or by ``exit_signal``, as far as known; ``reason`` says why it
    failed, and ``error_lines`` are the last lines of its standard error.
    """

    run_id: str
    worker_id: str
    number: int
    state: str
    reached: str
    gpus: int
    mandatory: bool
    slots: tuple[int, ...]
    handle: str | None
    starts: int
    updated_at: float
    started_at: float | None
    heard_at: float | None
    finished_at: float | None
    exit_code: int | None
    exit_signal: int | None
    reason: str
    error_lines: tuple[str, ...]


class Move(NamedTuple):
    """A recorded transition of a worker. ``source`` is None for its creation.

    ``facts`` are the conditions that held.
    """

    number: int
    run_id: str
    worker_id: str
    source: str | None
    target: str
    event: str
    facts: tuple[str, ...]
    at: float
    reason: str


class Slot(NamedTuple):
    """A GPU slot, and the worker that holds it; None if it is free."""

    number: int
    run_id: str | None
    worker_id: str | None


class Submitted(NamedTuple):
    """The run of a submitted configuration. ``created`` is False if the same configuration was submitted before."""

    run: Run
    created: bool


class Cancellation(NamedTuple):
    """A requested cancellation. ``to_stop`` are the workers whose processes must end before they are CANCELLED."""

    run: Run
    to_stop: tuple[Worker, ...]


class Recovery(NamedTuple):
    """What a daemon finds after a crash. ``running`` are the workers that had a process, which may still exist."""

    running: tuple[Worker, ...]
    freed: tuple[int, ...]


class Page(NamedTuple):
    """Runs without their configurations, in the order of their submission, and their workers.

    ``left_out`` is the number of earlier ones that are not among them.
    """

    runs: list[Run]
    workers: list[Worker]
    left_out: int

    def with_workers(self) -> list[tuple[Run, list[Worker]]]:
        """Each run with its workers."""
        of_run: dict[str, list[Worker]] = {run.run_id: [] for run in self.runs}
        for worker in self.workers:
            of_run[worker.run_id].append(worker)
        return [(run, of_run[run.run_id]) for run in self.runs]


class Gpus(NamedTuple):
    """The GPU slots of this machine. ``told`` is whether their number was given, and not found on the machine."""

    slots: list[Slot]
    told: bool

    @property
    def free(self) -> int:
        """How many of them are free."""
        return sum(slot.run_id is None for slot in self.slots)


class Overview(NamedTuple):
    """A page of runs, and the numbers of all runs and of those that have not ended, and the GPU slots."""

    page: Page
    total: int
    open: int
    gpus: Gpus


class Details(NamedTuple):
    """A run with its workers, and their transitions, oldest first."""

    run: Run
    workers: list[Worker]
    moves: list[Move]
