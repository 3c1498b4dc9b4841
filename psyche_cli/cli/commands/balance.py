"""``psyche-cli balance``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument, WalletAddress
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli balance owner.json")
def command(
    call: Call,
    *,
    address: Annotated[
        str | None, Argument(metavar="[PUBKEY|FILE]", help="A public key or a keypair file. Defaults to the wallet.")
    ] = None,
    wallet: WalletAddress = None,
) -> Reading:
    """Print the SOL balance of a wallet or of any address."""
    from psyche_cli.operations.wallet.balance import balance
    from psyche_cli.operations.wallet.public_key import address_or_wallet

    key = address_or_wallet(call.environment, address, wallet)
    return lambda session: balance(session, key)
