"""Show a run of workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psyche_cli.folding import cut
from psyche_cli.operations.tables import text_table
from psyche_cli.operations.times import iso_time
from psyche_cli.operations.workers.data import run_data, since, size_text, time_or_none, tone_of
from psyche_cli.operations.workers.opening import OpenWorkers
from psyche_cli.operations.workers.payloads import WorkerData, WorkerMove, WorkersShowData
from psyche_cli.results import OperationResult, Toned
from psyche_cli.workers.registry.rows import Move, Run, Worker
from psyche_cli.workers.storage.layout import RunFolder
from psyche_cli.workers.storage.removal import paths_of
from psyche_cli.workers.storage.usage import disk_use

_HEADINGS: Final = ("worker", "state", "gpus", "starts", "heard", "ended with")
_LEFT_ALIGNED: Final = 2
_MOST_LINES: Final = 10
"""Lines of standard error that are shown for each worker that failed."""
_MOST_MOVES: Final = 20
_MOST_NAMED: Final = 4
"""Workers that are named of those that failed in the same way."""


def show_worker_run(workers: OpenWorkers, run_id: str) -> OperationResult[WorkersShowData]:
    """A run, its workers and their history. Raises WorkerRunNotFound and RegistryError."""
    run, found, history = workers.registry.details(run_id)
    folder = workers.run_folder(run_id)
    data = WorkersShowData(
        run=run_data(run, found),
        workers=[_worker(one, folder) for one in found],
        history=[_move(one) for one in history],
        folder=str(folder.path),
        config=str(workers.folder.config(run_id)),
        disk_bytes=disk_use(*paths_of(workers.folder, run_id)),
    )
    return OperationResult(
        summary=f"Run {run_id}{f' ({run.name})' if run.name else ''}",
        data=data,
        details=tuple(_details(run, data, workers.now)),
        body=lambda columns, _: _body(found, history, columns),
        next_steps=() if run.finished_at is not None else (workers.given.command("workers logs", run_id, "-f"),),
    )


def _details(run: Run, data: WorkersShowData, now: float) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = [("state", Toned(run.status, tone_of(run.status)))]
    if run.reason:
        rows.append(("reason", run.reason))
    rows += [("kind", data.run.kind), ("submitted", f"{data.run.submitted_at}, {since(run.submitted_at, now)} ago")]
    if run.heard_at is not None and run.finished_at is None:
        rows.append(("sign of life", f"{since(run.heard_at, now)} ago"))
    if run.cancel_requested_at is not None:
        rows.append(("cancellation requested", str(data.run.cancel_requested_at)))
    if run.finished_at is not None:
        duration = since(run.submitted_at, run.finished_at)
        rows.append(("ended", f"{data.run.finished_at}, after {duration}"))
    return [*rows, ("folder", data.folder), ("disk use", size_text(data.disk_bytes))]


def _body(workers: Sequence[Worker], history: Sequence[Move], columns: int) -> list[str]:
    rows = [
        (
            one.worker_id,
            one.state,
            ",".join(map(str, one.slots)) or "-",
            str(one.starts),
            "-" if one.heard_at is None else iso_time(one.heard_at)[11:],
            _ending(one),
        )
        for one in workers
    ]
    lines = text_table([_HEADINGS, *rows], left=_LEFT_ALIGNED)
    failures: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in workers:
        if one.reason:
            failures.setdefault((one.reason, one.error_lines[-_MOST_LINES:]), []).append(one.worker_id)
    for (reason, error_lines), ids in failures.items():
        more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
        lines += ["", f"{', '.join(ids[:_MOST_NAMED])}{more} failed: {reason}"]
        lines += [cut(f"  {line.expandtabs()}", columns) for line in error_lines]
    left_out = max(len(history) - _MOST_MOVES, 0)
    lines += ["", "History:", *([f"  {left_out} earlier transitions"] if left_out > 0 else [])]
    for move in history[left_out:]:
        source = f"{move.source} -> " if move.source else ""
        lines.append(cut(f"  {iso_time(move.at)}  {move.worker_id}: {source}{move.target} ({move.event})", columns))
    return lines


def _ending(worker: Worker) -> str:
    if worker.exit_signal is not None:
        return f"signal {worker.exit_signal}"
    return "-" if worker.exit_code is None else f"code {worker.exit_code}"


def _worker(worker: Worker, folder: RunFolder) -> WorkerData:
    return WorkerData(
        worker_id=worker.worker_id,
        state=worker.state,  # type: ignore[arg-type]
        gpu_slots=list(worker.slots),
        gpus_wanted=worker.gpus,
        starts=worker.starts,
        started_at=time_or_none(worker.started_at),
        heard_at=time_or_none(worker.heard_at),
        finished_at=time_or_none(worker.finished_at),
        exit_code=worker.exit_code,
        exit_signal=worker.exit_signal,
        reason=worker.reason,
        stderr=list(worker.error_lines),
        stdout_log=str(folder.log(worker.worker_id, "stdout")),
        stderr_log=str(folder.log(worker.worker_id, "stderr")),
    )


def _move(move: Move) -> WorkerMove:
    return WorkerMove(
        worker_id=move.worker_id,
        source=move.source,  # type: ignore[arg-type]
        target=move.target,  # type: ignore[arg-type]
        event=move.event,
        at=iso_time(move.at),
        reason=move.reason,
    )
