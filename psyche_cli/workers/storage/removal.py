"""Removes the files and records of runs that have ended."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.rows import Run
from psyche_cli.workers.run_ids import is_run_id, time_of_run_id
from psyche_cli.workers.storage.layout import EVALUATIONS, RUNS, WorkersFolder


def removable(runs: Sequence[Run], *, before: float, keep: int) -> list[Run]:
    """The runs that ended before a time, without the ``keep`` latest ones of all that have ended. Oldest first."""
    ended = sorted((run for run in runs if run.finished_at is not None), key=lambda run: run.finished_at or 0)
    return [run for run in ended[: max(len(ended) - keep, 0)] if (run.finished_at or 0) < before]


def paths_of(folder: WorkersFolder, run_id: str) -> list[Path]:
    """The files and folders of a run that exist. Nothing else has its id in its name."""
    found = [folder.path / parent / run_id for parent in (RUNS, EVALUATIONS)]
    found += [folder.config(run_id), *sorted(folder.configs.glob(f"worker-{run_id}*.json"))]
    return [path for path in found if path.is_symlink() or path.exists()]


def unknown_ids(folder: WorkersFolder, known: Sequence[Run], *, before: float) -> list[str]:
    """The ids of folders of runs that the registry does not contain, of runs submitted before a time."""
    ids = {run.run_id for run in known}
    found = set()
    for parent in (RUNS, EVALUATIONS):
        with contextlib.suppress(OSError):
            found |= {entry.name for entry in (folder.path / parent).iterdir() if is_run_id(entry.name)}
    return sorted(run_id for run_id in found - ids if time_of_run_id(run_id) < before)


def remove_files(folder: WorkersFolder, run_id: str) -> None:
    """Remove the files, configurations and telemetry of a run. Links are not followed.

    Raises OSError and TelemetryError.
    """
    for path in paths_of(folder, run_id):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if folder.telemetry.exists():
        from psyche_cli.workers.telemetry.database import Database

        with contextlib.closing(Database(folder.telemetry)) as telemetry:
            telemetry.delete(run_id)


def remove_run(folder: WorkersFolder, registry: Registry, run: Run) -> None:
    """Remove a run that has ended. If this is interrupted, it is still in the registry and can be removed again."""
    remove_files(folder, run.run_id)
    registry.remove(run.run_id)
