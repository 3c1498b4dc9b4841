"""A place in a configuration file, and the line of it that a message shows."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from psyche_cli.printable import printable


@dataclass(frozen=True)
class Place:
    """A place in a file: line and column, from 1, columns in characters.

    ``source`` is the line as far as it may be shown, None if it may not. ``offset`` and ``width`` say which characters
    of it are meant.
    """

    line: int
    column: int
    source: str | None = None
    offset: int = 0
    width: int = 1

    def snippet(self) -> str | None:
        """Two lines: the source behind its number, and under it a mark of what is meant."""
        if self.source is None:
            return None
        number = str(self.line)
        blank = " " * _cells(self.source[: self.offset])
        mark = "^" * max(_cells(self.source[self.offset : self.offset + self.width]), 1)
        return f"{number} | {self.source}\n{' ' * len(number)} | {blank}{mark}"


def place_at(text: str, line: int, column: int, *, shown: bool) -> Place:
    """The place of a line and column that a parser reports; with its source if that may be ``shown``."""
    lines = text.split("\n")
    if not shown or line > len(lines):
        return Place(line, column)
    source = clean_line(lines[line - 1].rstrip())
    return Place(line, column, source, offset=min(column - 1, len(source)))


def clean_line(source: str) -> str:
    """The line with each tab as a blank, and fit to print."""
    return printable(source.replace("\t", " "))


def _cells(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1 for c in text
    )
