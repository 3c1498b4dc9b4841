"""``psyche-cli config check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.results import Result


@plain(example="psyche-cli config check run.toml")
def command(
    call: Call,
    *,
    files: Annotated[list[Path], Argument(metavar="FILE...", help="Files to check; - is standard input.")],
    strict: Annotated[bool, option("--strict", help="Treat warnings as errors.")] = False,
) -> Result:
    """Check run configuration files offline.

    Reports all problems with their rule, line and column: invalid syntax, keys and values, and rules of the coordinator
    program that the configuration violates. Exits with code 3 if any file has a problem.
    """
    from psyche_cli.operations.config.check import check_files

    return check_files(call.environment, files, strict=strict)
