"""``psyche-cli nonce create``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import Argument
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli nonce create")
def command(
    *,
    pubkey: Annotated[
        str | None, Argument(metavar="[PUBKEY]", help="Authority of the nonce account; the wallet by default.")
    ] = None,
) -> Writing:
    """Create a nonce account.

    Its authority must sign each transaction that uses it. Locks about 0.0015 SOL of rent, which nonce close recovers.
    """
    from psyche_cli.operations.nonces.accounts import create_nonce
    from psyche_cli.protocol.addresses import parse_pubkey

    authority = None if pubkey is None else parse_pubkey(pubkey, "the authority")
    return lambda session: create_nonce(session, authority)
