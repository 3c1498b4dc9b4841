"""``psyche-cli set-future-epoch-rates``."""

from __future__ import annotations

from typing import Annotated

import typer

from psyche_cli.commands.options import LOCAL_RPC, Rpc, RunId, TreasurerIndex, WalletPath, WsRpc, option
from psyche_cli.results import OperationResult

EXAMPLE = "psyche-cli set-future-epoch-rates --run-id my-run --earning-rate 12.5 --slashing-rate 0"


def command(
    ctx: typer.Context,
    *,
    run_id: RunId,
    earning_rate: Annotated[
        str | None,
        option(
            "--earning-rate-total-shared",
            "--earning-rate",
            metavar="AMOUNT",
            help="What all members of an epoch earn together.",
        ),
    ] = None,
    slashing_rate: Annotated[
        str | None,
        option(
            "--slashing-rate-per-client",
            "--slashing-rate",
            metavar="AMOUNT",
            help="What an ejected member loses per epoch.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
    rpc: Rpc = LOCAL_RPC,
    ws_rpc: WsRpc = None,
    wallet: WalletPath = None,
) -> OperationResult:
    """Set the rewards of the epochs to come.

    The rates hold from the next epoch on. For a run with a treasurer the rates are amounts of its collateral token,
    such as 12.5; without one, whole points.
    """
    from psyche_cli.operations.set_future_epoch_rates import set_future_epoch_rates
    from psyche_cli.session import signing_session

    with signing_session(ctx.obj, rpc=rpc, ws_rpc=ws_rpc, wallet_path=wallet) as session:
        return set_future_epoch_rates(
            session,
            run_id=run_id,
            treasurer_index=treasurer_index,
            earning_rate=earning_rate,
            slashing_rate=slashing_rate,
        )
