"""``psyche-cli schedule pause``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.commands.schedule.request import Follow, Interval, scheduled
from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, ForRun, writes


@writes(example="psyche-cli schedule pause --run-id my-run --at step:5000", here=True)
def command(
    call: Call,
    *,
    run_id: RunId,
    at: Annotated[
        str,
        option(
            "--at",
            metavar="MOMENT",
            help="When to pause: step:N, epoch:N, or a time in UTC (ISO 8601 or Unix seconds) by the cluster's clock.",
        ),
    ],
    follow: Follow = False,
    interval: Interval = None,
    treasurer_index: TreasurerIndex = None,
) -> ForRun:
    """Pause a run once it has reached a step, an epoch or a time.

    Pauses once for each moment: if the run is resumed afterwards, it stays so. A run in training pauses at the end of
    its epoch, which then pays no rewards.
    """
    from psyche_cli.operations.schedule.moments import parse_moment
    from psyche_cli.operations.schedule.pause import schedule_pause

    moment = parse_moment(at)
    return scheduled(
        call,
        "pause",
        run_id,
        follow,
        interval,
        lambda session, request: schedule_pause(session, request, moment, treasurer_index),
        moment.key,
    )
