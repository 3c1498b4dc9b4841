"""``psyche-cli set-paused``."""

from __future__ import annotations

from typing import Annotated

import typer

from psyche_cli.commands.options import LOCAL_RPC, Rpc, RunId, TreasurerIndex, WalletPath, WsRpc, option
from psyche_cli.results import OperationResult

EXAMPLE = "psyche-cli set-paused --run-id my-run --resume"


def command(
    ctx: typer.Context,
    *,
    run_id: RunId,
    resume: Annotated[bool, option("--resume", help="Start or resume the run instead of pausing it.")] = False,
    treasurer_index: TreasurerIndex = None,
    rpc: Rpc = LOCAL_RPC,
    ws_rpc: WsRpc = None,
    wallet: WalletPath = None,
) -> OperationResult:
    """Pause a run, or with --resume start it.

    A run in training pauses at the end of its epoch, and that epoch pays no rewards. One that waits for members or
    warms up pauses at once.
    """
    from psyche_cli.operations.set_paused import set_paused
    from psyche_cli.session import signing_session

    with signing_session(ctx.obj, rpc=rpc, ws_rpc=ws_rpc, wallet_path=wallet) as session:
        return set_paused(session, run_id=run_id, treasurer_index=treasurer_index, paused=not resume)
