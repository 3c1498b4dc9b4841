"""``psyche-cli localnet new-wallet``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from psyche_cli.cli.options import Rpc
from psyche_cli.cli.sessions import plain
from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.results import PlainText


@plain(example="psyche-cli localnet new-wallet owner.json --airdrop 100")
def command(
    ctx: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(help="Keypair file to create. An existing file is never overwritten.")],
    airdrop: Annotated[
        str | None,
        typer.Option(
            "--airdrop",
            metavar="SOL",
            help="Top the wallet up to this balance from the cluster's faucet. With this option, FILE may already "
            "exist.",
        ),
    ] = None,
    rpc: Rpc = LOCAL_RPC_URL,
) -> PlainText[Any]:
    """Create a keypair file and print its public key.

    The file uses the format of the Solana tools and is readable only by you.
    """
    from psyche_cli.operations.localnet.wallets_and_mints import new_wallet

    return new_wallet(ctx.obj, file, rpc=rpc, airdrop=airdrop)
