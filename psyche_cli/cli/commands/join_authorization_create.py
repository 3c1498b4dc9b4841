"""``psyche-cli join-authorization-create``."""

from __future__ import annotations

from typing import Annotated

import typer

from psyche_cli.cli.options import came_from_variable, option
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli join-authorization-create --permissionless")
def command(
    ctx: typer.Context,
    *,
    authorizer: Annotated[
        str | None,
        option(
            "--authorizer",
            metavar="PUBKEY",
            help="Public key that is allowed to join, directly or through its delegates.",
        ),
    ] = None,
    permissionless: Annotated[bool, option("--permissionless", help="Allow everyone to join.")] = False,
) -> Writing:
    """Authorize one key, or everyone, to join your runs.

    Applies to every run whose join authority is the wallet. Creates and activates the authorization in one transaction.
    Safe to repeat.
    """
    from psyche_cli.operations.authorizations.create import choose_grantee, create_join_authorization

    if permissionless and came_from_variable(ctx, "authorizer"):
        authorizer = None  # the command line takes precedence over the environment
    grantee = choose_grantee(authorizer, permissionless=permissionless)
    run_id = ctx.obj.variables.get("RUN_ID") or None
    return lambda session: create_join_authorization(session, grantee, run_id)
