"""``psyche-cli join-authorization-read``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Reading, reads


@reads(example="psyche-cli join-authorization-read --join-authority PUBKEY")
def command(
    *,
    join_authority: Annotated[str, option("--join-authority", metavar="PUBKEY", help="Grantor of the authorization.")],
    authorizer: Annotated[
        str | None,
        option("--authorizer", metavar="PUBKEY", help="Grantee of the authorization. Defaults to everyone."),
    ] = None,
) -> Reading:
    """Print a join authorization: whether it is active, and its delegates.

    Does not need a wallet.
    """
    from psyche_cli.operations.authorizations.read import read_join_authorization
    from psyche_cli.protocol.addresses import ANYONE, parse_pubkey

    grantor = parse_pubkey(join_authority, "--join-authority")
    grantee = ANYONE if authorizer is None else parse_pubkey(authorizer, "--authorizer")
    return lambda session: read_join_authorization(session, grantor=grantor, grantee=grantee)
