"""``psyche-cli join-authorization list``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli join-authorization list --grantor PUBKEY")
def command(*, grantor: Annotated[str, option("--grantor", metavar="PUBKEY", help="The join authority.")]) -> Reading:
    """List all join authorizations of a join authority.

    Shows the grantee, delegates, status and rent of each authorization. Does not need a wallet.
    """
    from psyche_cli.operations.authorizations.read import list_join_authorizations
    from psyche_cli.protocol.addresses import parse_pubkey

    key = parse_pubkey(grantor, "--grantor")
    return lambda session: list_join_authorizations(session, grantor=key)
