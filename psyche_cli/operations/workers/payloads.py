"""JSON payloads of the ``workers`` verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Unsigned

StateText = Annotated[
    Literal["INIT", "HANDSHAKE", "READY", "EXECUTING", "TERMINATED", "FAULTED", "CANCELLED"],
    "A state of `psyche-cli lifecycle show worker`.",
]
TimeText = Annotated[str | None, "In UTC (ISO 8601); null if it has not happened."]


@dataclass(frozen=True)
class WorkersRun:
    """A run of workers."""

    run_id: Annotated[str, "Its id, which psyche-cli has given it."]
    name: Annotated[str, "Its name; empty if it has none."]
    kind: Annotated[Literal["training", "evaluation"], "An evaluation run has its files in evals, others in runs."]
    status: StateText
    reason: Annotated[str, "Why it failed; empty if it did not."]
    submitted_at: Annotated[str, "When it was submitted, in UTC (ISO 8601)."]
    heard_at: Annotated[str | None, "The last sign of life of its workers, in UTC (ISO 8601); null without one."]
    cancel_requested_at: TimeText
    finished_at: TimeText
    workers: Annotated[Unsigned, "The number of its workers."]
    workers_ended: Annotated[Unsigned, "How many of them have ended."]
    gpu_slots: Annotated[list[int], "The GPU slots that its workers hold now."]


@dataclass(frozen=True)
class WorkersListData:
    """The runs of workers, latest first."""

    folder: Annotated[str, "The folder of the workers."]
    runs: list[WorkersRun]
    left_out: Annotated[Unsigned, "The number of older runs that --limit left out."]
    gpu_slots: Annotated[Unsigned, "The number of GPU slots of this machine."]
    gpu_slots_free: Annotated[Unsigned, "How many of them are free."]
    gpu_slots_given: Annotated[bool, "Whether `workers daemon --gpus` gave their number; false: GPUs that were found."]


@dataclass(frozen=True)
class WorkerData:
    """A worker of a run."""

    worker_id: str
    state: StateText
    gpu_slots: Annotated[list[int], "The GPU slots that it holds, or held until it ended."]
    gpus_wanted: Unsigned
    starts: Annotated[Unsigned, "How often it was started."]
    started_at: Annotated[str | None, "Its last start, in UTC (ISO 8601); null if it was not started."]
    heard_at: Annotated[str | None, "Its last sign of life, in UTC (ISO 8601); null without one."]
    finished_at: TimeText
    exit_code: Annotated[int | None, "Its exit code; null if it has none or it is unknown."]
    exit_signal: Annotated[int | None, "The number of the signal that ended it; null without one."]
    reason: Annotated[str, "Why it failed; empty if it did not."]
    stderr: Annotated[list[str], "The last lines of its standard error, if it failed."]
    stdout_log: Annotated[str, "The file with its standard output."]
    stderr_log: Annotated[str, "The file with its standard error."]


@dataclass(frozen=True)
class WorkerMove:
    """A transition of a worker."""

    worker_id: str
    source: Annotated[StateText | None, "The state before; null for its creation."]
    target: StateText
    event: Annotated[str, "The trigger of the transition."]
    at: Annotated[str, "In UTC (ISO 8601)."]
    reason: str


@dataclass(frozen=True)
class WorkersShowData:
    """A run of workers with its workers and their history."""

    run: WorkersRun
    workers: list[WorkerData]
    history: Annotated[list[WorkerMove], "The transitions of its workers, oldest first."]
    folder: Annotated[str, "The folder of the run."]
    config: Annotated[str, "The file with the submitted configuration."]
    disk_bytes: Annotated[Unsigned, "What its files use on the disk, in bytes."]


@dataclass(frozen=True)
class WorkersLogsData:
    """The last lines of the output of a worker."""

    run_id: str
    worker_id: str
    stream: Literal["stdout", "stderr"]
    path: Annotated[str, "The file with the whole output."]
    lines: list[str]


@dataclass(frozen=True)
class WorkersCancelData:
    """The cancellation of a run of workers."""

    already_so: Annotated[bool, "Whether the run had already ended, so that nothing was changed."]
    run: WorkersRun
    ended: Annotated[bool, "Whether all its processes have ended."]


@dataclass(frozen=True)
class RemovedRun:
    """A run whose files were removed, or would be removed."""

    run_id: str
    name: Annotated[str, "Its name; empty if it has none, or if the registry does not contain the run."]
    status: Annotated[StateText | None, "Its status; null if the registry does not contain the run."]
    finished_at: TimeText
    disk_bytes: Annotated[Unsigned, "What its files use on the disk, in bytes."]


@dataclass(frozen=True)
class WorkersGcData:
    """The removal of runs that have ended."""

    already_so: Annotated[bool, "Whether there was none to remove."]
    dry_run: Annotated[bool, "Whether nothing was removed because of --dry-run."]
    removed: Annotated[list[RemovedRun], "The runs that were removed, or would be."]
    freed_bytes: Annotated[Unsigned, "What their files use on the disk, in bytes."]
    kept: Annotated[Unsigned, "How many runs remain."]
