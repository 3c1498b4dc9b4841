"""Durations as users type them: ``90m``, ``1h30m``, ``2d``, or plain seconds."""

from __future__ import annotations

import re

from psyche_cli.errors import UsageError

_LONGEST_TEXT = 32
_LONGEST_TIME_LIMIT = 3600
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_PLAIN_SECONDS = re.compile(r"[0-9]+")
_HINT = "Use a number of seconds, or whole days, hours, minutes and seconds in that order: 3600, 45s, 90m, 1h30m, 2d."


def parse_duration(text: str, what: str, *, maximum: int) -> int:
    """Parse a duration such as ``3600``, ``90m`` or ``1d12h`` into seconds, from 0 to ``maximum``.

    ``what`` names the duration in messages, for example ``--timeout``. Raises UsageError.
    """
    match = _DURATION.fullmatch(text)
    if len(text) > _LONGEST_TEXT or not text or not (match or _PLAIN_SECONDS.fullmatch(text)):
        shown = repr(text) if len(text) <= _LONGEST_TEXT else f"of {len(text)} characters"
        raise UsageError(f"{what} is not a valid duration: {shown}.", hint=_HINT)
    counts = match.groups(default="0") if match else ("0", "0", "0", text)
    seconds = sum(int(count) * unit for count, unit in zip(counts, _UNITS.values(), strict=True))
    if seconds > maximum:
        raise UsageError(
            f"{what} is too long: {text} is {seconds} seconds, but the maximum is {maximum}.",
            hint=f"Use at most {format_duration(maximum)}.",
        )
    return seconds


def parse_time_limit(text: str, *, maximum: int = _LONGEST_TIME_LIMIT) -> int:
    """Parse the value of ``--timeout`` into seconds, from 1 to ``maximum``. Raises UsageError."""
    seconds = parse_duration(text, "--timeout", maximum=maximum)
    if seconds == 0:
        raise UsageError("--timeout must be greater than zero.", hint="Use at least 1 second.")
    return seconds


def format_duration(seconds: int) -> str:
    """Format seconds as text that ``parse_duration`` accepts, such as ``1h30m``; zero is ``0s``."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def rough_duration(seconds: int) -> str:
    """Format seconds as text with at most the two largest units, rounded down, such as ``3d4h`` or ``1m20s``."""
    for size in (86400, 3600):
        if seconds >= size:
            return format_duration(seconds - seconds % (3600 if size == 86400 else 60))
    return format_duration(seconds)
