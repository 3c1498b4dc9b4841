"""``psyche-cli history export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import HistoryStateDir, RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli history export --run-id my-run -o my-run.zip", archive=False)
def command(
    call: Call,
    *,
    run_id: RunId,
    output_file: Annotated[
        Path,
        option("--output-file", "-o", metavar="FILE", help="The new archive. An existing file is never overwritten."),
    ],
    address: Annotated[
        list[str] | None,
        option(
            "--address",
            variable=False,
            metavar="PUBKEY",
            help="Include what is known of this key, for can-join and json-dump-user, if it is not a member. "
            "Repeatable.",
        ),
    ] = None,
    treasurer_index: TreasurerIndex = None,
    state_dir: HistoryStateDir = None,
) -> Reading:
    """Export a run and its history to one file.

    Brings the history up to date first. Commands that read a run accept the file with --archive, and then make no
    requests. It contains the accounts of the run, its transactions, the decoded events and the configuration: only what
    is public on the chain. Does not need a wallet.
    """
    from psyche_cli.operations.history.export import export_history
    from psyche_cli.protocol.addresses import parse_pubkey

    keys = [parse_pubkey(one, "--address") for one in address or ()]
    folder = state_dir or call.environment.state_folder
    return lambda session: export_history(
        session,
        run_id=run_id,
        output_file=output_file,
        state_folder=folder,
        treasurer_index=treasurer_index,
        keys=keys,
    )
