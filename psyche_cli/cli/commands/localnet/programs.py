"""``psyche-cli localnet programs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import option
from psyche_cli.cli.sessions import plain
from psyche_cli.results import OperationResult


@plain(example="psyche-cli localnet programs --export programs")
def command(
    *,
    export: Annotated[Path, option("--export", metavar="DIR", help="Directory to write the programs to.")],
) -> OperationResult[Any]:
    """Export the Psyche programs as .so files.

    Prints the flags that load them into solana-test-validator.
    """
    from psyche_cli.operations.localnet.export_programs import export_programs

    return export_programs(export)
