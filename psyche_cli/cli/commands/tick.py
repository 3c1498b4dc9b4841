"""``psyche-cli tick``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, option
from psyche_cli.cli.sessions import Writing, writes
from psyche_cli.durations import parse_duration
from psyche_cli.errors import UsageError

_LONGEST_INTERVAL = 86_400


@writes(example="psyche-cli tick --run-id my-run --interval 5s")
def command(
    *,
    run_id: RunId,
    interval: Annotated[
        str | None,
        option("--interval", metavar="DURATION", help="Time between checks, such as 5s or 1m. Defaults to 1s."),
    ] = None,
    ms_interval: Annotated[
        int | None,
        option(
            "--ms-interval",
            metavar="N",
            help="Time between checks in milliseconds.",
            min=1,
            max=_LONGEST_INTERVAL * 1000,
        ),
    ] = None,
    count: Annotated[
        int | None, option("--count", metavar="N", help="Stop after this many checks. Unlimited by default.", min=1)
    ] = None,
) -> Writing:
    """Tick a run whenever a tick is due.

    Checks the run at every interval, and sends a tick only if it changes the run's state. Stops after --count checks,
    or when the run is Uninitialized, Paused or Finished. Any wallet may tick any run and pays the fee. Members that
    are training tick the run themselves.
    """
    from psyche_cli.operations.runs.tick import tick

    seconds = _seconds(interval, ms_interval)
    return lambda session: tick(session, run_id=run_id, interval=seconds, count=count)


def _seconds(interval: str | None, ms_interval: int | None) -> float:
    if interval is not None and ms_interval is not None:
        raise UsageError("Specify either --interval or --ms-interval.")
    if ms_interval is not None:
        return ms_interval / 1000
    if interval is None:
        return 1.0
    seconds = parse_duration(interval, "--interval", maximum=_LONGEST_INTERVAL)
    if seconds == 0:
        raise UsageError("--interval is zero.", hint="Use at least 1s, or --ms-interval.")
    return float(seconds)
