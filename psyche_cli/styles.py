"""Styles of terminal text, as escape sequences. Only imported if a stream is a terminal."""

from __future__ import annotations

from typing import Final

BOLD: Final = "\x1b[1m"
DIM: Final = "\x1b[2m"
RED: Final = "\x1b[31m"
GREEN: Final = "\x1b[32m"
YELLOW: Final = "\x1b[33m"

_PLAIN: Final = "\x1b[0m"
_COLORS_OF_LABELS: Final = {"Error": RED, "Warning": YELLOW}


def styled(code: str, text: str) -> str:
    """Printable text in a style."""
    return f"{code}{text}{_PLAIN}"


def with_colored_label(line: str) -> str:
    """A printable line of diagnostics, with the label ``Error:`` or ``Warning:`` in its color."""
    label, colon, rest = line.partition(":")
    return styled(_COLORS_OF_LABELS[label], label + colon) + rest if label in _COLORS_OF_LABELS else line
