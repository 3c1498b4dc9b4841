"""Lengths of time as people type them: ``90m``, ``1h30m``, ``2d``, or plain seconds."""

from __future__ import annotations

import re

from psyche_cli.errors import UsageError

_LONGEST_TEXT = 32
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_PLAIN_SECONDS = re.compile(r"[0-9]+")
_HINT = "Use a number of seconds, or whole days, hours, minutes and seconds in that order: 3600, 45s, 90m, 1h30m, 2d."


def parse_duration(text: str, what: str, *, most: int) -> int:
    """Seconds from a ``text`` such as ``3600``, ``90m`` or ``1d12h``; 0 to ``most``.

    ``what`` names the duration in messages, such as ``--timeout``. Raises UsageError.
    """
    match = _DURATION.fullmatch(text)
    if len(text) > _LONGEST_TEXT or not text or not (match or _PLAIN_SECONDS.fullmatch(text)):
        shown = repr(text) if len(text) <= _LONGEST_TEXT else f"of {len(text)} characters"
        raise UsageError(f"{what} is not a valid duration: {shown}.", hint=_HINT)
    counts = match.groups(default="0") if match else ("0", "0", "0", text)
    seconds = sum(int(count) * unit for count, unit in zip(counts, _UNITS.values(), strict=True))
    if seconds > most:
        raise UsageError(
            f"{what} is too long: {text} is {seconds} seconds, but the maximum is {most}.",
            hint=f"Use at most {format_duration(most)}.",
        )
    return seconds


def format_duration(seconds: int) -> str:
    """The text that ``parse_duration`` reads back to the same number, such as ``1h30m``; ``0s`` for none."""
    parts = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
