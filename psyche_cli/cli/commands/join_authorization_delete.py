"""``psyche-cli join-authorization-delete``."""

from __future__ import annotations

from psyche_cli.cli.options import Authorizer, Permissionless
from psyche_cli.cli.sessions import Call, Writing, writes


@writes(example="psyche-cli join-authorization-delete --authorizer PUBKEY")
def command(call: Call, *, authorizer: Authorizer = None, permissionless: Permissionless = False) -> Writing:
    """Deactivate a join authorization of the wallet.

    The key and its delegates, or everyone, can then no longer join runs whose join authority is the wallet. Current
    members stay until the end of the epoch. The account and its rent remain: to activate it again, use
    join-authorization-create; to recover the rent, use join-authorization-close.
    """
    from psyche_cli.operations.authorizations.find import choose_grantee
    from psyche_cli.operations.authorizations.revoke import deactivate_join_authorization

    if permissionless and "authorizer" in call.from_variables:
        authorizer = None  # the command line takes precedence over the environment
    grantee = choose_grantee(authorizer, permissionless=permissionless)
    return lambda session: deactivate_join_authorization(session, grantee)
