"""``psyche-cli config check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from psyche_cli.cli.sessions import plain
from psyche_cli.results import Result


@plain(example="psyche-cli config check run.toml")
def command(
    ctx: typer.Context,
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to check; - is standard input.")],
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
) -> Result:
    """Check run configuration files offline.

    Reports everything that is wrong, with the name of the rule, the line and the column: what cannot be read, and what
    the coordinator program would reject. Ends with exit code 3 if any file has a problem.
    """
    from psyche_cli.operations.config.check import check_files

    return check_files(ctx.obj, files, strict=strict)
