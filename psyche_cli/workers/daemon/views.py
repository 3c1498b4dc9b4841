"""Runs and workers as messages of the service."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from psyche_cli.workers.registry.rows import Run, Worker
from psyche_cli.workers.service import worker_pb2


def worker_message(worker: Worker, *, connected: bool, pid: int = 0) -> worker_pb2.Worker:
    """A worker. ``connected`` is whether it has a control stream, and ``pid`` its process id if it is known."""
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
        error_lines=worker.error_lines,
        connected=connected,
    )


def run_message(
    run: Run, workers: Iterable[Worker], connected: Collection[tuple[str, str]], pids: dict[tuple[str, str], int]
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
                connected=(worker.run_id, worker.worker_id) in connected,
                pid=pids.get((worker.run_id, worker.worker_id), 0),
            )
            for worker in workers
        ],
    )
