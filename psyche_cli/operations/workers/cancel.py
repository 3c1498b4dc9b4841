"""Cancel a run of workers through the daemon."""

from __future__ import annotations

from typing import Final

from psyche_cli.errors import DaemonError, NotReached
from psyche_cli.operations.workers.data import run_data, tone_of
from psyche_cli.operations.workers.opening import OpenWorkers
from psyche_cli.operations.workers.payloads import WorkersCancelData
from psyche_cli.results import OperationResult, Toned

_TIMED_OUT: Final = "deadline_exceeded"
"""The reason of the error of a call whose time limit has passed."""


def cancel_run(workers: OpenWorkers, run_id: str, *, timeout: int) -> OperationResult[WorkersCancelData]:
    """Cancel a run, and wait up to ``timeout`` seconds until its processes have ended; 0 does not wait.

    Starts the daemon if none runs. A run that has ended needs none. Raises WorkerRunNotFound, DaemonError,
    RegistryError, and NotReached if the processes have not ended in time.
    """
    if workers.registry.run(run_id).finished_at is not None:
        return _result(workers, run_id, already=True)
    from psyche_cli.workers.client import connect

    with connect(workers.folder.path.parent) as daemon:
        daemon.cancel(run_id)
        run = workers.registry.run(run_id)
        if timeout > 0 and run.finished_at is None:
            try:
                daemon.wait_for_end(run_id, timeout)
            except DaemonError as error:
                if error.reason != _TIMED_OUT:
                    raise
                raise NotReached(
                    f"The processes of run {run_id} have not ended within {timeout} seconds.",
                    hint=f"The daemon continues to end them. To check: {workers.given.command('workers show', run_id)}",
                    run_id=run_id,
                    state=run.status,
                ) from error
    return _result(workers, run_id, already=run.cancel_requested_at is None)


def _result(workers: OpenWorkers, run_id: str, *, already: bool) -> OperationResult[WorkersCancelData]:
    run = workers.registry.run(run_id)
    ended = run.finished_at is not None
    if already:
        summary = f"Run {run_id} has already ended."
    else:
        summary = f"Cancelled run {run_id}." if ended else f"Requested the cancellation of run {run_id}."
    return OperationResult(
        summary=summary,
        data=WorkersCancelData(already_so=already, run=run_data(run, workers.registry.workers(run_id)), ended=ended),
        details=(("state", Toned(run.status, tone_of(run.status))),),
        next_steps=() if ended else (workers.given.command("workers show", run_id),),
    )
