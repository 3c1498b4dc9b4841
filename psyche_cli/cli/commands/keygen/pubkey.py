"""``psyche-cli keygen pubkey``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import Argument, WalletAddress
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.results import PlainText


@plain(example="psyche-cli keygen pubkey owner.json")
def command(
    call: Call,
    *,
    keypair: Annotated[
        Path | None,
        Argument(metavar="[FILE]", help="Keypair file, stdin: or prompt: (a seed phrase). Defaults to the wallet."),
    ] = None,
    wallet: WalletAddress = None,
) -> PlainText[Any]:
    """Print the public key of a keypair."""
    from psyche_cli.operations.wallet.public_key import public_key

    return public_key(call.environment, keypair, wallet)
