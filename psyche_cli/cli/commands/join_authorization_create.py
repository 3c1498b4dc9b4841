"""``psyche-cli join-authorization-create``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import Call, Writing, writes
from psyche_cli.errors import UsageError


@writes(example="psyche-cli join-authorization-create --permissionless")
def command(
    call: Call,
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
    source: Annotated[
        Path | None,
        option("--from", metavar="FILE", help="CSV file with one public key allowed to join in each line."),
    ] = None,
) -> Writing:
    """Authorize one key, or everyone, to join your runs.

    Applies to every run whose join authority is the wallet. Creates and activates the authorization in one transaction.
    With --from, authorizes all keys in the first column of a CSV file, about eight per transaction, and reports the
    outcome of each line. Safe to repeat: active authorizations are left alone.
    """
    from psyche_cli.operations.authorizations.create import create_join_authorization
    from psyche_cli.operations.authorizations.find import choose_grantee

    if (permissionless or source) and "authorizer" in call.from_variables:
        authorizer = None  # the command line takes precedence over the environment
    if source is not None:
        if permissionless or authorizer is not None:
            raise UsageError("Specify only one of --authorizer, --permissionless and --from.")
        from psyche_cli.operations.authorizations.create_many import authorize_grantees, read_grantees

        lines = read_grantees(source)
        return lambda session: authorize_grantees(session, lines)
    grantee = choose_grantee(authorizer, permissionless=permissionless)
    run_id = call.environment.variables.get("RUN_ID") or None
    return lambda session: create_join_authorization(session, grantee, run_id)
