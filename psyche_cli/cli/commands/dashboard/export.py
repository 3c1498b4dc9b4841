"""``psyche-cli dashboard export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import HistoryStateDir, RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli dashboard export --run-id my-run -o run.html")
def command(
    call: Call,
    *,
    run_id: RunId,
    output_file: Annotated[
        Path,
        option(
            "--output-file",
            "-o",
            metavar="FILE",
            help="Write the page to this new file. An existing file is never overwritten.",
        ),
    ],
    state_dir: HistoryStateDir = None,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Write the page of a run to one HTML file.

    It is the page of the dashboard as of now, opens without a network, and makes no requests. It contains the newest
    1,000 transactions, and at most 1,000 points of each curve. Does not need a wallet.
    """
    from psyche_cli.operations.dashboard.export import export_dashboard

    environment = call.environment
    return lambda session: export_dashboard(
        session,
        output_file,
        run_id=run_id,
        state_folder=state_dir or environment.state_folder,
        redacted=environment.redactor.redacted,
        treasurer_index=treasurer_index,
    )
