"""``psyche-cli create-run``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Writing, writes


@writes(example="psyche-cli create-run --run-id my-run --join-authority PUBKEY --treasurer-collateral-mint PUBKEY")
def command(
    *,
    run_id: RunId,
    client_version: Annotated[
        str,
        option(
            "--client-version", "-c", metavar="TEXT", help="Client version that members must run. Defaults to latest."
        ),
    ] = "latest",
    join_authority: Annotated[
        str | None,
        option(
            "--join-authority",
            variable=False,
            metavar="PUBKEY",
            help="Key that authorizes members to join. Defaults to the wallet's key.",
        ),
    ] = None,
    treasurer_collateral_mint: Annotated[
        str | None,
        option(
            "--treasurer-collateral-mint",
            metavar="PUBKEY",
            help="Mint of the reward token. Creates the run with a treasurer.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
    name: Annotated[str | None, option("--name", metavar="TEXT", help="Display name, up to 64 bytes.")] = None,
    description: Annotated[
        str | None, option("--description", metavar="TEXT", help="Description, up to 280 bytes.")
    ] = None,
) -> Writing:
    """Create a run.

    Sends a single transaction. The new run is Uninitialized and must be configured next. Locks about 0.83 SOL of rent,
    which can be recovered by closing the run if it has no treasurer.
    """
    from psyche_cli.operations.runs.create_run import RunRequest, create_run

    request = RunRequest(
        run_id=run_id,
        client_version=client_version,
        join_authority=join_authority,
        collateral_mint=treasurer_collateral_mint,
        treasurer_index=treasurer_index,
        name=name,
        description=description,
    )
    return lambda session: create_run(session, request)
