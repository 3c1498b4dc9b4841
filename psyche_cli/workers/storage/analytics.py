"""Writes what remains of a run that has ended: analytics.json, and eval_summary.json of an evaluation run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psyche_cli.workers.registry.rows import Run, Worker
from psyche_cli.workers.storage.configs import write_private_json
from psyche_cli.workers.storage.layout import WorkersFolder
from psyche_cli.workers.storage.usage import disk_use

VERSION: Final = 1
"""Version of the files, in their key ``version``."""


def write_analytics(
    folder: WorkersFolder, run: Run, workers: Sequence[Worker], telemetry: Mapping[str, Mapping[str, int]]
) -> None:
    """Write the files of a run that has ended. ``telemetry`` has numbers of events per worker. Raises OSError.

    A summary that a worker of an evaluation run has written itself is kept.
    """
    files = folder.run(run.run_id, is_evaluation=run.is_evaluation, several=len(workers) > 1)
    checkpoints = sorted(path.name for path in files.checkpoints.iterdir()) if files.checkpoints.is_dir() else []
    outcome = {
        "version": VERSION,
        "run_id": run.run_id,
        "run_name": run.name,
        "status": run.status,
        "reason": run.reason,
        "submitted_at": run.submitted_at,
        "finished_at": run.finished_at,
        "workers": [_worker(one, telemetry) for one in workers],
    }
    manifest = {**outcome, "checkpoints": checkpoints, "disk_bytes": disk_use(files.path)}
    write_private_json(files.analytics, manifest)
    if run.is_evaluation and not files.summary.exists():
        write_private_json(files.summary, outcome)


def _worker(worker: Worker, telemetry: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    return {
        "worker_id": worker.worker_id,
        "state": worker.state,
        "reason": worker.reason,
        "exit_code": worker.exit_code,
        "exit_signal": worker.exit_signal,
        "gpu_slots": worker.slots,
        "started_at": worker.started_at,
        "finished_at": worker.finished_at,
        "telemetry": telemetry.get(worker.worker_id, {}),
    }
