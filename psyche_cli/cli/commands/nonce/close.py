"""``psyche-cli nonce close``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli nonce close PUBKEY")
def command(*, pubkey: Annotated[str, Argument(metavar="PUBKEY", help="The nonce account.")]) -> Writing:
    """Close a nonce account of the wallet and recover its rent.

    Transactions that use its value can no longer land.
    """
    from psyche_cli.operations.nonces.accounts import close_nonce
    from psyche_cli.protocol.addresses import parse_pubkey

    address = parse_pubkey(pubkey, "the nonce account")
    return lambda session: close_nonce(session, address)
