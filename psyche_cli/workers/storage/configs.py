"""Writes the configurations of a run and its workers, which the workers read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psyche_cli.workers.registry.submission import Submission
from psyche_cli.workers.storage.layout import PRIVATE_FOLDER, WorkersFolder


def write_configs(folder: WorkersFolder, run_id: str, submission: Submission) -> None:
    """Write config-RUN.json, and worker-RUN.json or one worker-RUN-WORKER.json for each worker. Raises OSError.

    A worker's file has its configuration together with ``run_id`` and ``worker_id``.
    """
    whole = json.loads(submission.config)
    write_private_json(folder.config(run_id), {**whole, "metadata": {**whole["metadata"], "run_id": run_id}})
    several = len(submission.workers) > 1
    for worker in submission.workers:
        ids = {"run_id": run_id, "worker_id": worker.worker_id}
        path = folder.worker_config(run_id, worker.worker_id, several=several)
        write_private_json(path, {**worker.config, **ids})


def write_private_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file with mode 0600 that is complete at every moment. Creates its folder. Raises OSError."""
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor, hidden = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2, sort_keys=True)
            file.write("\n")
        Path(hidden).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(hidden).unlink()
        raise
