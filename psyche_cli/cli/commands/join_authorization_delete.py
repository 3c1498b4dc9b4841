"""``psyche-cli join-authorization-delete``."""

from __future__ import annotations

from psyche_cli.cli.options import Authorizer, Permissionless
from psyche_cli.cli.sessions import Call, Writing, writes


@writes(example="psyche-cli join-authorization-delete --authorizer PUBKEY")
def command(call: Call, *, authorizer: Authorizer = None, permissionless: Permissionless = False) -> Writing:
    """Deactivate a join authorization of the wallet.

    The key and its delegates, or everyone, can then no longer join runs whose join authority is the wallet. Members of
    the current epoch stay in it. The account and its rent remain: join-authorization-create activates it again, and
    join-authorization-close recovers the rent.
    """
    from psyche_cli.operations.authorizations.find import choose_grantee
    from psyche_cli.operations.authorizations.revoke import deactivate_join_authorization

    if permissionless and "authorizer" in call.from_variables:
        authorizer = None  # the command line has precedence over the environment
    grantee = choose_grantee(authorizer, permissionless=permissionless)
    return lambda session: deactivate_join_authorization(session, grantee)
