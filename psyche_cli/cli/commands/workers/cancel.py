"""``psyche-cli workers cancel``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, given_options, plain
from psyche_cli.cli.worker_options import WorkersRunId, WorkersStateDir
from psyche_cli.durations import parse_time_limit
from psyche_cli.results import Result


@plain(example="psyche-cli workers cancel RUN")
def command(
    call: Call,
    run: WorkersRunId,
    *,
    timeout: Annotated[
        str, option("--timeout", metavar="DURATION", help="How long to wait until all processes have ended.")
    ] = "60s",
    no_wait: Annotated[bool, option("--no-wait", help="Do not wait until the processes have ended.")] = False,
    state_dir: WorkersStateDir = None,
) -> Result:
    """Cancel a run of workers, and wait until its processes have ended.

    The daemon, which is started if necessary, sends SIGTERM to the process group of each worker, and SIGKILL after
    the grace period of the run, 5 seconds by default. Exits with 14 if the processes have not ended within --timeout.
    A run that has ended is not changed.
    """
    from psyche_cli.operations.workers.cancel import cancel_run
    from psyche_cli.operations.workers.opening import open_workers

    seconds = 0 if no_wait else parse_time_limit(timeout)
    with open_workers(call.environment, state_dir, given_options(call)) as workers:
        return cancel_run(workers, run.upper(), timeout=seconds)
