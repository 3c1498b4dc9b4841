"""``psyche-cli treasurer-top-up-rewards``."""

from __future__ import annotations

from typing import Annotated

import typer

from psyche_cli.commands.options import LOCAL_RPC, Rpc, RunId, TreasurerIndex, WalletPath, WsRpc, option
from psyche_cli.results import OperationResult

EXAMPLE = "psyche-cli treasurer-top-up-rewards --run-id my-run --collateral-amount 1000.25"


def command(
    ctx: typer.Context,
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
    rpc: Rpc = LOCAL_RPC,
    ws_rpc: WsRpc = None,
    wallet: WalletPath = None,
) -> OperationResult:
    """Transfer collateral to a run's treasury.

    From the wallet's own token account. Members are paid out of the treasury when they claim.

    There is no way back: the treasury pays only to members who claim what they earned.
    """
    from psyche_cli.operations.treasurer_top_up_rewards import top_up_rewards
    from psyche_cli.session import signing_session

    with signing_session(ctx.obj, rpc=rpc, ws_rpc=ws_rpc, wallet_path=wallet) as session:
        return top_up_rewards(
            session, run_id=run_id, treasurer_index=treasurer_index, collateral_amount=collateral_amount
        )
