"""``psyche-cli json-dump-run``."""

from __future__ import annotations

import typer

from psyche_cli.commands.options import LOCAL_RPC, Rpc, RunId, TreasurerIndex, WsRpc
from psyche_cli.results import Document

EXAMPLE = "psyche-cli json-dump-run --run-id my-run | jq .coordinator_account.status"


def command(
    ctx: typer.Context,
    *,
    run_id: RunId,
    treasurer_index: TreasurerIndex = None,
    rpc: Rpc = LOCAL_RPC,
    ws_rpc: WsRpc = None,
) -> Document:
    """Print everything about a run, as JSON.

    Needs no wallet.
    """
    from psyche_cli.operations.json_dump import dump_run
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc, ws_rpc=ws_rpc) as session:
        return dump_run(session, run_id=run_id, treasurer_index=treasurer_index)
