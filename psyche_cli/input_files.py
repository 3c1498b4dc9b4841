"""Files that a command line names, of which a maximum number of bytes is read; ``-`` is standard input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from psyche_cli.errors import UsageError

if TYPE_CHECKING:
    from psyche_cli.environment import Environment

STDIN: Final = Path("-")
"""The path that means standard input."""

LARGEST_TRANSACTION_FILE: Final = 1 << 16
"""Maximum size of a transaction file in bytes. A transaction has at most 1,232, and its JSON form a few thousand."""


def file_bytes(path: Path, most: int) -> bytes:
    """The first ``most`` bytes of a file, which may be an endless device. Raises UsageError."""
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.", path=str(path)) from error


def input_bytes(environment: Environment, path: Path, most: int) -> bytes:
    """The first ``most`` bytes of a file or of standard input. Raises UsageError."""
    return environment.stdin_bytes(most) if path == STDIN else file_bytes(path, most)
