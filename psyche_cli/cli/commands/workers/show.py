"""``psyche-cli workers show``."""

from __future__ import annotations

from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.cli.worker_options import WorkersRunId, WorkersStateDir
from psyche_cli.results import Result


@plain(example="psyche-cli workers show RUN")
def command(call: Call, run: WorkersRunId, *, state_dir: WorkersStateDir = None) -> Result:
    """Show a run of workers: states, reasons, history and disk use.

    Reads the registry; no daemon is needed.
    """
    from psyche_cli.operations.workers.opening import open_workers
    from psyche_cli.operations.workers.show import show_worker_run

    with open_workers(call.environment, state_dir, given_options(call)) as workers:
        return show_worker_run(workers, run.upper())
