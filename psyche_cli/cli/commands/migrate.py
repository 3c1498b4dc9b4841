"""``psyche-cli migrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import OutputFile, RunId, TreasurerIndex, WalletAddress, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli migrate --run-id my-run --to new.toml -o plan.json", archive=False)
def command(
    call: Call,
    *,
    run_id: RunId,
    to: Annotated[
        Path,
        option(
            "--to",
            variable=False,
            metavar="FILE",
            help="Run file (TOML) of the new run. If it does not exist, it is written from the old run.",
        ),
    ],
    output_file: OutputFile = None,
    to_run_id: Annotated[
        str | None,
        option(
            "--to-run-id",
            metavar="RUN_ID",
            help="Id of the new run, in a file that is written. Defaults to that of the old run if it can be closed.",
        ),
    ] = None,
    join_authority: Annotated[
        str | None,
        option(
            "--join-authority",
            variable=False,
            metavar="PUBKEY",
            help="Join authority of the new run, in a file that is written. Defaults to that of the old run.",
        ),
    ] = None,
    treasurer_collateral_mint: Annotated[
        str | None,
        option(
            "--treasurer-collateral-mint",
            metavar="PUBKEY",
            help="Mint of the reward token of the new run, in a file that is written. Creates it with a treasurer.",
        ),
    ] = None,
    no_treasurer: Annotated[
        bool, option("--no-treasurer", help="Create the new run without a treasurer, in a file that is written.")
    ] = False,
    export_dir: Annotated[
        Path | None,
        option(
            "--export-dir",
            metavar="DIR",
            help="New folder for the accounts and files of the old run. Defaults to FILE-export beside FILE.",
        ),
    ] = None,
    rehearse: Annotated[
        bool,
        option(
            "--rehearse",
            help="Carry out the plan on a local validator in this process, with copies of the run's accounts, and play "
            "an epoch of the new run there. Nothing is sent to the cluster.",
        ),
    ] = False,
    treasurer_index: TreasurerIndex = None,
    wallet: WalletAddress = None,
) -> Reading:
    """Plan the replacement of a run by a new one.

    For what is chosen when a run is created: its join authority, its treasurer, and the layout of its account. Pauses
    the old run and exports it; closes it and creates the new one in one transaction, so that its rent pays for the new
    one and its id stays yours; then authorizes members, tops up the vault, and continues at the same step and
    checkpoint. A run with a treasurer or a retired layout cannot be closed: it stays paused, and the new run gets
    another id. Exits with code 0 if there is nothing to do, and 2 otherwise; with --rehearse, with code 0 if everything
    was as planned. Sends nothing: apply carries out the plan.
    """
    from psyche_cli.errors import UsageError
    from psyche_cli.operations.migrations.migrate import MigrateRequest, migrate_run, rehearse_run
    from psyche_cli.operations.migrations.proposal import Changes
    from psyche_cli.operations.observe.authority_check import signer_if_any, wallet_if_any
    from psyche_cli.protocol.addresses import check_new_run_id, parse_pubkey

    if str(to) == "-":
        raise UsageError("--to needs a file: the export of the old run is written beside it.")
    if no_treasurer and treasurer_collateral_mint is not None:
        raise UsageError("--no-treasurer and --treasurer-collateral-mint exclude each other.")
    changes = Changes(
        run_id=None if to_run_id is None else check_new_run_id(to_run_id),
        join_authority=None if join_authority is None else parse_pubkey(join_authority, "--join-authority"),
        mint=None
        if treasurer_collateral_mint is None
        else parse_pubkey(treasurer_collateral_mint, "--treasurer-collateral-mint"),
        has_treasurer=not no_treasurer,
    )
    request = MigrateRequest(
        run_id=run_id,
        file=to,
        changes=changes,
        treasurer_index=treasurer_index,
        export=export_dir,
        output_file=output_file,
    )
    if rehearse:
        if output_file is not None:
            raise UsageError("--rehearse writes no plan: omit --output-file.")
        signer = signer_if_any(call.environment, wallet)
        return lambda session: rehearse_run(session, request, wallet=signer)
    key = wallet_if_any(call.environment, wallet)
    return lambda session: migrate_run(session, request, wallet=key)
