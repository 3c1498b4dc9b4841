"""``psyche-cli history state``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import HistoryStateDir, NoSync, RunId, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli history state --run-id my-run --at 2026-11-27T10:00:00Z")
def command(
    call: Call,
    *,
    run_id: RunId,
    at: Annotated[
        str,
        option(
            "--at",
            metavar="PLACE",
            help="After this transaction (its signature, or at least 8 of its first characters), at the end of this "
            "slot, or at this time: such as 2026-11-27T10:00:00Z, or how long ago, such as 2d.",
        ),
    ],
    no_sync: NoSync = False,
    state_dir: HistoryStateDir = None,
) -> Reading:
    """Show a run as it was at some time, slot or transaction.

    The run is replayed from its transactions; nothing needs to have been recorded then. Prints the screen of show, and
    with --output json also the document of json-dump-run. Balances in lamports are not replayed. Does not need a
    wallet.
    """
    from psyche_cli.operations.history.past import past_run
    from psyche_cli.operations.history.places import parse_where

    where = parse_where(at, "--at", call.environment.redactor)
    folder = state_dir or call.environment.state_folder
    return lambda session: past_run(session, where, run_id=run_id, state_folder=folder, syncs=not no_sync)
