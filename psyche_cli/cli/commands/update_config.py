"""``psyche-cli update-config``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import RunId, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, Writing, writes
from psyche_cli.limits import U32_MAX, U64_MAX


@writes(example="psyche-cli update-config --run-id my-run --config-path run.toml")
def command(
    call: Call,
    *,
    run_id: RunId,
    config_path: Annotated[
        Path | None,
        option(
            "--config-path",
            metavar="FILE",
            help="Run configuration file (TOML); - is standard input. Replaces the whole config and model.",
        ),
    ] = None,
    restart_from_step: Annotated[
        int | None,
        option(
            "--restart-from-step",
            metavar="N",
            help="Set the step to restart from and the corresponding data index.",
            min=1,
            max=U32_MAX,
        ),
    ] = None,
    switch_to_hub: Annotated[
        bool, option("--switch-to-hub", help="Load the checkpoint from its repository or bucket instead of from peers.")
    ] = False,
    name: Annotated[str | None, option("--name", metavar="TEXT", help="Display name, up to 64 bytes.")] = None,
    description: Annotated[
        str | None, option("--description", metavar="TEXT", help="Description, up to 280 bytes.")
    ] = None,
    num_parameters: Annotated[
        int | None,
        option("--num-parameters", metavar="N", help="Number of parameters (informational).", min=0, max=U64_MAX),
    ] = None,
    vocab_size: Annotated[
        int | None,
        option("--vocab-size", metavar="N", help="Vocabulary size (informational).", min=0, max=U64_MAX),
    ] = None,
    client_version: Annotated[
        str | None,
        option("--client-version", metavar="TEXT", help="Client version that members must run."),
    ] = None,
    treasurer_index: TreasurerIndex = None,
) -> Writing:
    """Configure a run from a file or with options.

    The file is validated locally first, and every violated rule is reported. The name, description and other metadata
    can be changed at any time; everything else only while the run is Uninitialized or Paused.
    """
    from psyche_cli.operations.config.files import load_config
    from psyche_cli.operations.config.update_config import ConfigChanges, update_config

    changes = ConfigChanges.gather(
        file=None if config_path is None else load_config(call.environment, config_path, wallet=call.values["wallet"]),
        restart_from_step=restart_from_step,
        switch_to_hub=switch_to_hub,
        name=name,
        description=description,
        num_parameters=num_parameters,
        vocab_size=vocab_size,
        client_version=client_version,
    )
    return lambda session: update_config(session, run_id=run_id, treasurer_index=treasurer_index, changes=changes)
