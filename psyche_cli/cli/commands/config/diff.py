"""``psyche-cli config diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, RunId, TreasurerIndex
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli config diff --run-id my-run run.toml")
def command(
    call: Call,
    *,
    file: Annotated[Path, Argument(metavar="FILE", help="Run configuration file (TOML); - is standard input.")],
    run_id: RunId,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Compare the configuration of a run with a file.

    Lists all keys whose values differ. Exits with code 0 if there are none, and 1 otherwise. Does not need a wallet.
    """
    from psyche_cli.operations.config.diff import diff_config
    from psyche_cli.operations.config.files import load_config

    content = load_config(call.environment, file)
    return lambda session: diff_config(session, run_id=run_id, file=content, treasurer_index=treasurer_index)
