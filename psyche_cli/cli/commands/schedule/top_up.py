"""``psyche-cli schedule top-up``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.commands.schedule.request import Follow, Interval, scheduled
from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, ForRun, writes


@writes(
    example="psyche-cli schedule top-up --run-id my-run --keep-epochs 10 --max 500 --per-day 1000.5",
    here=True,
)
def command(
    call: Call,
    *,
    run_id: RunId,
    keep_epochs: Annotated[
        int,
        option(
            "--keep-epochs",
            metavar="N",
            help="Future epochs for which the vault should hold enough, after what is owed and the current epoch.",
            min=0,
            max=1_000_000,
        ),
    ],
    max: Annotated[str, option("--max", metavar="AMOUNT", help="Maximum of one transfer, in whole tokens.")],
    per_day: Annotated[
        str,
        option(
            "--per-day",
            metavar="AMOUNT",
            help="Maximum of what the vault receives, from anyone, in any 24 hours of the cluster's clock.",
        ),
    ],
    max_in_all: Annotated[
        str | None,
        option("--max-in-all", metavar="AMOUNT", help="Maximum of what the vault ever receives, from anyone."),
    ] = None,
    follow: Follow = False,
    interval: Interval = None,
    treasurer_index: TreasurerIndex = None,
) -> ForRun:
    """Keep a run's vault funded for a number of epochs, within limits.

    Transfers what the vault lacks from the wallet's associated token account. A transfer whose outcome is not known
    counts, and nothing is transferred until it is known. Transfers cannot be undone.
    """
    from psyche_cli.operations.schedule.top_up import TopUpLimits, schedule_top_up

    wanted = TopUpLimits(keep_epochs, max, per_day, max_in_all)
    return scheduled(
        call,
        "top-up",
        run_id,
        follow,
        interval,
        lambda session, request: schedule_top_up(session, request, wanted, treasurer_index),
    )
