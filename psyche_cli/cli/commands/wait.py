"""``psyche-cli wait``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.lifecycle_options import run_state_names
from psyche_cli.cli.options import FollowTimeout, RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Reading, reads
from psyche_cli.limits import U16_MAX, U32_MAX


@reads(example="psyche-cli wait --run-id my-run --for Training --timeout 10m", follows=True)
def command(
    *,
    run_id: RunId,
    for_: Annotated[
        str | None,
        option(
            "--for",
            metavar="STATE[,STATE]",
            help="Wait until the run is in this state, or in one of these: Uninitialized, WaitingForMembers, Warmup, "
            "Training, Witness, Cooldown, Finished, Paused.",
            values=run_state_names,
        ),
    ] = None,
    step: Annotated[
        int | None,
        option("--step", metavar="N", help="Wait until the run is at this step, or a later one.", min=0, max=U32_MAX),
    ] = None,
    epoch: Annotated[
        int | None,
        option(
            "--epoch",
            metavar="N",
            help="Wait until this epoch, counted from 0, or a later one is in progress or next.",
            min=0,
            max=U16_MAX,
        ),
    ] = None,
    members: Annotated[
        int | None,
        option(
            "--members",
            metavar="N",
            help="Wait until at least this many members have joined the next epoch, or are in the one in progress.",
            min=1,
            max=U32_MAX,
        ),
    ] = None,
    may_appear: Annotated[
        bool, option("--may-appear", help="Also wait for a run that does not exist yet, instead of failing.")
    ] = False,
    timeout: FollowTimeout = None,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Wait until a run reaches a state, a step, an epoch or a number of members.

    For scripts: exits with 0 once it is reached, or if it already was; with 14 after --timeout; and with 15 if the run
    was closed or can no longer reach it as configured. Does not need a wallet.
    """
    from psyche_cli.durations import parse_time_limit
    from psyche_cli.errors import UsageError
    from psyche_cli.operations.status.goals import Goal, parse_states
    from psyche_cli.operations.status.wait import LONGEST_WAIT, wait_for_run

    if [for_, step, epoch, members].count(None) != 3:
        raise UsageError(
            "Specify what to wait for: --for, --step, --epoch or --members, and only one of them.",
            hint="For example: psyche-cli wait --run-id my-run --for Training",
        )
    goal = Goal(parse_states(for_, "--for") if for_ is not None else (), step, epoch, members)
    seconds = None if timeout is None else parse_time_limit(timeout, maximum=LONGEST_WAIT)
    return lambda session: wait_for_run(
        session,
        run_id=run_id,
        goal=goal,
        timeout=seconds,
        may_appear=may_appear,
        treasurer_index=treasurer_index,
    )
