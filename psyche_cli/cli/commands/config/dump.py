"""``psyche-cli config dump``."""

from __future__ import annotations

from psyche_cli.cli.options import OutputFile, RunId, TreasurerIndex
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli config dump --run-id my-run -o run.toml")
def command(
    call: Call, *, run_id: RunId, output_file: OutputFile = None, treasurer_index: TreasurerIndex = None
) -> Reading:
    """Print the configuration of a run as TOML, or write it to a new file.

    The file is valid for config check, and update-config with this file changes nothing. Does not need a wallet.
    """
    from psyche_cli.operations.config.dump import dump_config

    return lambda session: dump_config(
        session,
        run_id=run_id,
        treasurer_index=treasurer_index,
        output_file=output_file,
        ascii_only=not call.environment.stdout_is_utf8,
    )
