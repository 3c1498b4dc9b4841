"""The records of the registry as payloads and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psyche_cli.durations import rough_duration
from psyche_cli.operations.times import iso_time
from psyche_cli.operations.workers.payloads import WorkersRun
from psyche_cli.results import Tone
from psyche_cli.workers.registry.rows import Run, Worker

_TONES: Final[dict[str, Tone]] = {"EXECUTING": "good", "TERMINATED": "good", "FAULTED": "bad"}
_UNITS: Final = ("KiB", "MiB", "GiB", "TiB")


def run_data(run: Run, workers: Sequence[Worker]) -> WorkersRun:
    """A run as a payload."""
    open_workers = [worker for worker in workers if worker.finished_at is None]
    return WorkersRun(
        run_id=run.run_id,
        name=run.name,
        kind="evaluation" if run.is_evaluation else "training",
        status=run.status,  # type: ignore[arg-type]
        reason=run.reason,
        submitted_at=iso_time(run.submitted_at),
        heard_at=time_or_none(run.heard_at),
        cancel_requested_at=time_or_none(run.cancel_requested_at),
        finished_at=time_or_none(run.finished_at),
        workers=len(workers),
        workers_ended=len(workers) - len(open_workers),
        gpu_slots=sorted(slot for worker in open_workers for slot in worker.slots if worker.state != "INIT"),
    )


def time_or_none(seconds: float | None) -> str | None:
    """A time as text, if there is one."""
    return None if seconds is None else iso_time(seconds)


def tone_of(state: str) -> Tone:
    """The tone of a state: good if the worker works or has finished, bad if it failed, otherwise a caution."""
    return _TONES.get(state, "caution")


def since(at: float | None, now: float) -> str:
    """How long ago something happened; empty if it did not."""
    return "" if at is None else rough_duration(max(int(now - at), 0))


def size_text(size: int) -> str:
    """A number of bytes for people, such as ``1.5 MiB``."""
    amount, unit = float(size), "bytes"
    for larger in _UNITS:
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
