"""``psyche-cli workers list``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.cli.worker_options import WorkersStateDir
from psyche_cli.results import Result


@plain(example="psyche-cli workers list --open")
def command(
    call: Call,
    *,
    open: Annotated[bool, option("--open", help="Only runs that have not ended.")] = False,
    limit: Annotated[int, option("--limit", metavar="N", help="List at most this many runs, the latest.", min=1)] = 100,
    state_dir: WorkersStateDir = None,
) -> Result:
    """List the runs of workers.

    Reads the registry; no daemon is needed.
    """
    from psyche_cli.operations.workers.list_runs import list_worker_runs
    from psyche_cli.operations.workers.opening import open_workers

    with open_workers(call.environment, state_dir) as workers:
        return list_worker_runs(workers, open_only=open, limit=limit)
