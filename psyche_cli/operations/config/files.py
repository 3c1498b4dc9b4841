"""Reading the configuration given on a command line: a file or standard input."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from psyche_cli.environment import Environment
from psyche_cli.errors import UsageError
from psyche_cli.input_files import STDIN
from psyche_cli.run_config.load import RunConfig, load_run_config, parse_run_config
from psyche_cli.run_config.source import FILE_SIZE_MAX, text_of

_STDIN_NAME: Final = Path("<stdin>")


def load_config(environment: Environment, path: Path, *, wallet: Path | None = None) -> RunConfig:
    """Read and validate a configuration. ``wallet`` is the wallet option, which may name standard input as well.

    Raises ConfigurationError with all of its problems, and UsageError if both are to be read from standard input.
    """
    if path == STDIN and str(wallet).partition(":")[0] in ("-", "stdin"):
        raise UsageError(
            "The configuration and the wallet cannot both be read from standard input.",
            hint="Put one of them into a file.",
        )
    return parse_run_config(_stdin_text(environment), _STDIN_NAME) if path == STDIN else load_run_config(path)


def _stdin_text(environment: Environment) -> str:
    """The content of standard input, decoded like a file regardless of the locale."""
    return text_of(environment.stdin_bytes(FILE_SIZE_MAX + 1), str(_STDIN_NAME))
