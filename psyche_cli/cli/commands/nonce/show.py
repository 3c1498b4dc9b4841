"""``psyche-cli nonce show``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli nonce show PUBKEY")
def command(*, pubkey: Annotated[str, Argument(metavar="PUBKEY", help="The nonce account.")]) -> Reading:
    """Print the authority and the current value of a nonce account.

    Does not need a wallet.
    """
    from psyche_cli.operations.nonces.accounts import show_nonce
    from psyche_cli.protocol.addresses import parse_pubkey

    address = parse_pubkey(pubkey, "the nonce account")
    return lambda session: show_nonce(session, address)
