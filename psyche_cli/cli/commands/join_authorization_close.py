"""``psyche-cli join-authorization-close``."""

from __future__ import annotations

from psyche_cli.cli.options import Authorizer, Permissionless
from psyche_cli.cli.sessions import Call, Writing, writes


@writes(example="psyche-cli join-authorization-close --authorizer PUBKEY")
def command(call: Call, *, authorizer: Authorizer = None, permissionless: Permissionless = False) -> Writing:
    """Close an inactive join authorization and recover its rent.

    An authorization with delegates cannot be closed until 30 days after its deactivation.
    """
    from psyche_cli.operations.authorizations.find import choose_grantee
    from psyche_cli.operations.authorizations.revoke import close_join_authorization

    if permissionless and "authorizer" in call.from_variables:
        authorizer = None  # the command line takes precedence over the environment
    grantee = choose_grantee(authorizer, permissionless=permissionless)
    return lambda session: close_join_authorization(session, grantee)
