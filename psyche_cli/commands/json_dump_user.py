"""``psyche-cli json-dump-user``."""

from __future__ import annotations

from typing import Annotated

import typer

from psyche_cli.commands.options import LOCAL_RPC, Rpc, RunId, TreasurerIndex, WsRpc, option
from psyche_cli.results import Document

EXAMPLE = "psyche-cli json-dump-user --run-id my-run --address PUBKEY"


def command(
    ctx: typer.Context,
    *,
    run_id: RunId,
    address: Annotated[
        str,
        option(
            "--address",
            "--wallet",
            "--user",
            metavar="PUBKEY",
            help="Public key of the member to look at.",
            show_default=False,
        ),
    ],
    treasurer_index: TreasurerIndex = None,
    rpc: Rpc = LOCAL_RPC,
    ws_rpc: WsRpc = None,
) -> Document:
    """Print everything about one member, as JSON.

    Needs no wallet.
    """
    from psyche_cli.operations.json_dump import dump_user
    from psyche_cli.session import reading_session

    with reading_session(ctx.obj, rpc=rpc, ws_rpc=ws_rpc) as session:
        return dump_user(session, run_id=run_id, treasurer_index=treasurer_index, address=address)
