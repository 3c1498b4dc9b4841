"""``psyche-cli workers gc``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.cli.worker_options import WorkersStateDir
from psyche_cli.durations import parse_duration
from psyche_cli.results import Result

_LONGEST_AGE = 10 * 365 * 86_400


@plain(example="psyche-cli workers gc --older-than 7d --dry-run")
def command(
    call: Call,
    *,
    older_than: Annotated[
        str,
        option("--older-than", metavar="DURATION", help="Minimum time since the end of a run to remove."),
    ] = "30d",
    keep: Annotated[
        int, option("--keep", metavar="N", help="Keep this many runs that have ended, the latest.", max=1_000_000)
    ] = 0,
    dry_run: Annotated[bool, option("--dry-run", help="Only list what would be removed.")] = False,
    state_dir: WorkersStateDir = None,
) -> Result:
    """Remove runs of workers that have ended.

    Removes their checkpoints, logs and telemetry as well. Runs that have not ended are never removed. Folders of runs
    that the registry does not contain are removed as well if they are old enough.
    """
    from psyche_cli.operations.workers.gc import remove_ended_runs
    from psyche_cli.operations.workers.opening import open_workers

    seconds = parse_duration(older_than, "--older-than", maximum=_LONGEST_AGE)
    with open_workers(call.environment, state_dir) as workers:
        return remove_ended_runs(workers, older_than=seconds, keep=keep, dry_run=dry_run)
