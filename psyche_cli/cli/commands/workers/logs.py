"""``psyche-cli workers logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.cli.worker_options import WorkersRunId, WorkersStateDir
from psyche_cli.errors import UsageError
from psyche_cli.results import Result

if TYPE_CHECKING:
    from psyche_cli.workers.engines.engine import Stream

_MOST_LINES = 100_000


@plain(example="psyche-cli workers logs RUN --stderr")
def command(
    call: Call,
    run: WorkersRunId,
    *,
    worker: Annotated[
        str | None,
        option("--worker", metavar="WORKER", help="The worker, if the run has several.", variable=False),
    ] = None,
    stderr: Annotated[bool, option("--stderr", help="Show standard error instead of standard output.")] = False,
    follow: Annotated[bool, option("--follow", "-f", help="Show new lines until the worker has ended.")] = False,
    lines: Annotated[
        int, option("--lines", "-n", metavar="N", help="Show at most this many lines, the last ones.", max=_MOST_LINES)
    ] = 100,
    state_dir: WorkersStateDir = None,
) -> Result | None:
    """Show the output of a worker, or follow it.

    Shows the last lines. Control characters of the output are replaced. With --output json, the lines are a list;
    --follow prints text only.
    """
    from psyche_cli.cli.render import print_line
    from psyche_cli.operations.workers.logs import follow_log, last_log_lines
    from psyche_cli.operations.workers.opening import open_workers

    environment = call.environment
    if follow and environment.output.as_json:
        raise UsageError("--follow prints text, not JSON.", hint="Omit --follow or --output json.")
    stream: Stream = "stderr" if stderr else "stdout"
    with open_workers(environment, state_dir) as workers:
        if not follow:
            return last_log_lines(workers, run.upper(), worker, stream, lines)
        follow_log(
            workers,
            run.upper(),
            worker,
            stream,
            lines,
            show=lambda line: print_line(environment, line),
            clock=environment.clock,
        )
    return None
