"""Remove runs of workers that have ended, with their files."""

from __future__ import annotations

from psyche_cli.errors import FileError
from psyche_cli.operations.workers.data import size_text, time_or_none
from psyche_cli.operations.workers.opening import OpenWorkers
from psyche_cli.operations.workers.payloads import RemovedRun, WorkersGcData
from psyche_cli.results import OperationResult
from psyche_cli.workers.registry.rows import Run
from psyche_cli.workers.storage.removal import paths_of, removable, remove_files, remove_run, unknown_ids
from psyche_cli.workers.storage.usage import disk_use


def remove_ended_runs(
    workers: OpenWorkers, *, older_than: int, keep: int, dry_run: bool
) -> OperationResult[WorkersGcData]:
    """Remove the runs that ended more than ``older_than`` seconds ago, except the ``keep`` latest that have ended.

    Folders of runs that the registry does not contain are removed as well if they are that old. A run that is open is
    never removed. Raises FileError and RegistryError.
    """
    runs = workers.registry.runs()
    before = workers.now - older_than
    chosen: dict[str, Run | None] = {run.run_id: run for run in removable(runs, before=before, keep=keep)}
    chosen |= dict.fromkeys(unknown_ids(workers.folder, runs, before=before))
    removed = [_removed(workers, run_id, run) for run_id, run in chosen.items()]
    if not dry_run:
        for run_id, run in chosen.items():
            _remove(workers, run_id, run)
    freed = sum(one.disk_bytes for one in removed)
    kept = len(runs) - sum(run is not None for run in chosen.values())
    return OperationResult(
        summary=_summary(len(removed), freed, dry_run),
        data=WorkersGcData(already_so=not removed, dry_run=dry_run, removed=removed, freed_bytes=freed, kept=kept),
        details=tuple((one.run_id, _described(one)) for one in removed),
    )


def _remove(workers: OpenWorkers, run_id: str, run: Run | None) -> None:
    try:
        if run is None:
            remove_files(workers.folder, run_id)
        else:
            remove_run(workers.folder, workers.registry, run)
    except OSError as error:
        raise FileError(
            f"The files of run {run_id} cannot be removed: {error.strerror}.",
            hint="Fix the permissions and repeat the command. Runs before this one were removed.",
            path=str(error.filename or workers.folder.path),
        ) from error


def _removed(workers: OpenWorkers, run_id: str, run: Run | None) -> RemovedRun:
    return RemovedRun(
        run_id=run_id,
        name="" if run is None else run.name,
        status=None if run is None else run.status,  # type: ignore[arg-type]
        finished_at=None if run is None else time_or_none(run.finished_at),
        disk_bytes=disk_use(*paths_of(workers.folder, run_id)),
    )


def _summary(count: int, freed: int, dry_run: bool) -> str:
    if count == 0:
        return "There are no runs of workers to remove."
    runs = f"{count} run{'' if count == 1 else 's'} of workers"
    if dry_run:
        return f"{runs} would be removed ({size_text(freed)})."
    return f"Removed {runs} ({size_text(freed)})."


def _described(run: RemovedRun) -> str:
    status = "not in the registry" if run.status is None else f"{run.status}, ended {run.finished_at}"
    return f"{status}, {size_text(run.disk_bytes)}{f', {run.name}' if run.name else ''}"
