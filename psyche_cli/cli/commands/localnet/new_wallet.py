"""``psyche-cli localnet new-wallet``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import Argument, LocalRpc, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.results import PlainText


@plain(example="psyche-cli localnet new-wallet owner.json --airdrop 100")
def command(
    call: Call,
    *,
    file: Annotated[
        Path, Argument(metavar="FILE", help="Keypair file to create. An existing file is never overwritten.")
    ],
    airdrop: Annotated[
        str | None,
        option(
            "--airdrop",
            metavar="SOL",
            help="Top the wallet up to this balance from the cluster's faucet. With this option, FILE may already "
            "exist.",
        ),
    ] = None,
    rpc: LocalRpc = LOCAL_RPC_URL,
) -> PlainText[Any]:
    """Create a keypair file and print its public key.

    The file uses the format of the Solana tools and is readable only by you.
    """
    from psyche_cli.operations.localnet.wallets_and_mints import new_wallet

    return new_wallet(call.environment, file, rpc=rpc, airdrop=airdrop)
