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
            help="Amount of the collateral token to transfer, such as 1000.25.",
        ),
    ],
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Transfer collateral to a run's vault.

    The tokens come from the wallet's associated token account. Members are paid from the vault when they claim.

    The transfer cannot be undone: the vault only pays out to members who claim their earnings.
    """
    from psyche_cli.operations.rewards.treasurer_top_up_rewards import top_up_rewards

    return lambda session: top_up_rewards(
        session, run_id=run_id, treasurer_index=treasurer_index, collateral_amount=collateral_amount
    )
