"""``psyche-cli schedule tick``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.commands.schedule.request import Follow, Interval, scheduled
from psyche_cli.cli.options import RunId, option
from psyche_cli.cli.sessions import Call, ForRun, writes


@writes(example="psyche-cli schedule tick --run-id my-run --while-overdue", here=True)
def command(
    call: Call,
    *,
    run_id: RunId,
    while_overdue: Annotated[
        bool, option("--while-overdue", help="Continue within a check until no tick is due, rather than after one.")
    ] = False,
    follow: Follow = False,
    interval: Interval = None,
) -> ForRun:
    """Tick a run if a tick is due and no member has sent it.

    Any wallet may tick any run and pays the fee.
    """
    from psyche_cli.operations.schedule.tick import schedule_tick

    return scheduled(
        call,
        "tick",
        run_id,
        follow,
        interval,
        lambda session, request: schedule_tick(session, request, while_overdue=while_overdue),
    )
