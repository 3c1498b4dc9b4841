"""Runs and workers as messages of the service."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from psyche_cli.workers.registry.rows import Run, Worker
from psyche_cli.workers.service import worker_pb2

_MOST_ERROR_BYTES: Final = 1 << 20
"""The maximum size of the lines of standard error in the message of a run."""


def worker_message(worker: Worker, *, connected: bool, pid: int, most_error_bytes: int) -> worker_pb2.Worker:
    """A worker. ``connected`` is whether it has a control stream, and ``pid`` its process id, 0 if it is unknown."""
    return worker_pb2.Worker(
        worker_id=worker.worker_id,
        state=worker.state,
        gpus=worker.slots,
        pid=pid,
        starts=worker.starts,
        started_at=worker.started_at or 0,
        heard_at=worker.heard_at or 0,
        finished_at=worker.finished_at or 0,
        exit_code=worker.exit_code,
        exit_signal=worker.exit_signal,
        reason=worker.reason,
        error_lines=_last_lines(worker.error_lines, most_error_bytes),
        connected=connected,
    )


def run_message(
    run: Run, workers: Sequence[Worker], connected: Collection[tuple[str, str]], pids: dict[tuple[str, str], int]
) -> worker_pb2.Run:
    """A run with its workers."""
    return worker_pb2.Run(
        run_id=run.run_id,
        name=run.name,
        status=run.status,
        digest=run.digest,
        submitted_at=run.submitted_at,
        updated_at=run.updated_at,
        finished_at=run.finished_at or 0,
        cancel_requested_at=run.cancel_requested_at or 0,
        reason=run.reason,
        is_evaluation=run.is_evaluation,
        workers=[
            worker_message(
                worker,
                connected=worker.finished_at is None and (worker.run_id, worker.worker_id) in connected,
                pid=0 if worker.finished_at is not None else pids.get((worker.run_id, worker.worker_id), 0),
                most_error_bytes=_MOST_ERROR_BYTES // len(workers),
            )
            for worker in workers
        ],
    )


def _last_lines(lines: Sequence[str], most_bytes: int) -> list[str]:
    """The last lines that have at most this many bytes in UTF-8."""
    kept: list[str] = []
    for line in reversed(lines):
        most_bytes -= len(line.encode(errors="replace"))
        if most_bytes < 0:
            break
        kept.append(line)
    return kept[::-1]
