"""Times as text, and their conversion to Unix seconds."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

from psyche_cli.errors import UsageError

_LONGEST_SECONDS: Final = 12
_HINT: Final = "Use Unix seconds such as 1764201600, or ISO 8601 such as 2026-11-27T00:00:00Z."


def iso_time(seconds: float) -> str:
    """A time in seconds since 1970 as UTC in ISO 8601, without fractions of a second."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str, option: str, *, hint: str = _HINT) -> int:
    """A time as Unix seconds, from a number of seconds or from ISO 8601, UTC by default. Raises UsageError."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_SECONDS:
        return int(text)
    try:
        parsed = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp())
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option} is not a time.", hint=hint) from error
