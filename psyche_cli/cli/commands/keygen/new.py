"""``psyche-cli keygen new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.results import PlainText


@plain(example="psyche-cli keygen new -o owner.json")
def command(
    call: Call,
    *,
    outfile: Annotated[
        Path | None,
        option(
            "--outfile",
            "-o",
            metavar="FILE",
            help="Keypair file to create. Defaults to ~/.config/solana/id.json. An existing file is never overwritten.",
        ),
    ] = None,
) -> PlainText[Any]:
    """Create a keypair file and print its public key.

    The file is readable only by you. There is no seed phrase: back up the file, because it is the only copy of the key.
    """
    from psyche_cli.operations.localnet.wallets_and_mints import new_wallet

    path = call.environment.default_wallet_path if outfile is None else outfile
    return new_wallet(call.environment, path, rpc=LOCAL_RPC_URL, airdrop=None)
