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
            help="Public key that may join, or whose delegates may.",
        ),
    ] = None,
    permissionless: Annotated[bool, option("--permissionless", help="Let everybody join.")] = False,
) -> Writing:
    """Let somebody, or everybody, join your runs.

    Your runs are those whose join authority is the wallet. Creates the authorization and activates it in one
    transaction. Repeating it changes nothing.
    """
    from psyche_cli.operations.authorizations.create import choose_grantee, create_join_authorization

    if permissionless and came_from_variable(ctx, "authorizer"):
        authorizer = None  # what is said on the command line beats the environment
    grantee = choose_grantee(authorizer, permissionless=permissionless)
    run_id = ctx.obj.variables.get("RUN_ID") or None
    return lambda session: create_join_authorization(session, grantee, run_id)
