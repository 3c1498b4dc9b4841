"""``psyche-cli treasurer-top-up-rewards``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli treasurer-top-up-rewards --run-id my-run --collateral-amount 1000.25")
def command(
    *,
    run_id: RunId,
    collateral_amount: Annotated[
        str,
        option(
            "--collateral-amount",
            metavar="AMOUNT",
            help="How much of the collateral token to transfer, such as 1000.25.",
        ),
    ],
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Transfer collateral to a run's treasury.

    From the wallet's own token account. Members are paid out of the treasury when they claim.

    There is no way back: the treasury pays only to members who claim what they earned.
    """
    from psyche_cli.operations.rewards.treasurer_top_up_rewards import top_up_rewards

    return lambda session: top_up_rewards(
        session, run_id=run_id, treasurer_index=treasurer_index, collateral_amount=collateral_amount
    )
