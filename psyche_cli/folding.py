"""The width of text in terminal columns, and fitting text into a number of columns."""

from __future__ import annotations

import unicodedata
from typing import Final

_HANGING: Final = 4
"""How much more a continued line is indented, in columns."""


def cells(text: str) -> int:
    """The width of a printable text in terminal columns."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) != 0 else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )


def folded(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns, at least 2, broken at spaces.

    A word that is wider than a line starts on a new line and is broken at the last column. Spaces at a break are
    dropped, others are kept.
    """
    lines = [""]
    gap = ""
    for index, word in enumerate(text.split(" ")):
        gap += " " if index > 0 else ""
        if not word:
            continue
        if cells(lines[-1]) + len(gap) + cells(word) <= width:
            lines[-1] += gap + word
        else:
            pieces = _pieces(word, width)
            lines = [*lines, *pieces] if lines[-1] else pieces
        gap = ""
    return lines


def folded_line(line: str, width: int) -> list[str]:
    """A line, which may be indented, in lines of at most ``width`` columns. Those after the first are indented more."""
    if cells(line) <= width:
        return [line]
    text = line.lstrip(" ")
    indent = line[: len(line) - len(text)]
    first, *others = folded(text, max(width - len(indent) - _HANGING, 2))
    return [f"{indent}{first}", *(f"{indent}{' ' * _HANGING}{other}" for other in others)]


def cut(text: str, width: int) -> str:
    """The beginning of the text that fits into ``width`` columns, with ``...`` in place of what is missing."""
    if cells(text) <= width:
        return text
    return _head(text, max(width - 3, 0)) + "..."[:width]


def _pieces(word: str, width: int) -> list[str]:
    pieces = []
    while cells(word) > width:
        piece = _head(word, width)
        pieces.append(piece)
        word = word[len(piece) :]
    return [*pieces, word]


def _head(text: str, width: int) -> str:
    """The longest beginning of the text that fits."""
    taken = 0
    for index, character in enumerate(text):
        taken += cells(character)
        if taken > width:
            return text[:index]
    return text
