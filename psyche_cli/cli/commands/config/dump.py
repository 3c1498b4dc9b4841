"""``psyche-cli config dump``."""

from __future__ import annotations

from typing import Annotated

from psyche_cli.cli.options import OutputFile, RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Reading, reads


@reads(example="psyche-cli config dump --run-id my-run -o run.toml")
def command(
    call: Call,
    *,
    run_id: RunId,
    full: Annotated[
        bool,
        option(
            "--full",
            help="Write a run file, for plan and apply: the configuration, and the metadata, client version, "
            "authorizations, treasurer, rates and state.",
        ),
    ] = False,
    output_file: OutputFile = None,
    treasurer_index: TreasurerIndex = None,
) -> Reading:
    """Print the configuration of a run as TOML, or write it to a new file.

    The file is valid for config check, and update-config with this file changes nothing. With --full, it is a run file;
    applying it changes nothing. Does not need a wallet.
    """
    from psyche_cli.operations.config.dump import dump_config
    from psyche_cli.operations.run_files.dump import dump_run_file

    dump = dump_run_file if full else dump_config
    return lambda session: dump(
        session,
        run_id=run_id,
        treasurer_index=treasurer_index,
        output_file=output_file,
        ascii_only=not call.environment.stdout_is_utf8,
    )
