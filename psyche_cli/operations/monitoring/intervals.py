"""How often runs are read."""

from __future__ import annotations

from typing import Final

from psyche_cli.durations import parse_duration
from psyche_cli.errors import UsageError

_LONGEST: Final = 86_400


def parse_interval(text: str) -> int:
    """The value of ``--interval`` in seconds, from 1 to 86,400. Raises UsageError."""
    seconds = parse_duration(text, "--interval", maximum=_LONGEST)
    if seconds == 0:
        raise UsageError("--interval must be greater than zero.", hint="Use at least 1 second.")
    return seconds
