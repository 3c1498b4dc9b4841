"""A location in a configuration file, and the source snippet that messages show for it."""

from __future__ import annotations

from dataclasses import dataclass

from psyche_cli.folding import cells
from psyche_cli.printable import printable


@dataclass(frozen=True)
class Place:
    """A location in a file. ``line`` and ``column`` start at 1; columns are characters.

    ``source`` is the printable part of the line, or None if the line must not be shown. ``offset`` and ``width`` select
    the characters of ``source`` to mark.
    """

    line: int
    column: int
    source: str | None = None
    offset: int = 0
    width: int = 1

    def snippet(self) -> str | None:
        """Two lines: the line number with the source, and a line of ``^`` marks below it. None without a source."""
        if self.source is None:
            return None
        number = str(self.line)
        blank = " " * cells(self.source[: self.offset])
        mark = "^" * max(cells(self.source[self.offset : self.offset + self.width]), 1)
        return f"{number} | {self.source}\n{' ' * len(number)} | {blank}{mark}"


def place_at(text: str, line: int, column: int, *, shown: bool) -> Place:
    """The place for a line and column reported by a parser, with its source line if ``shown``."""
    lines = text.split("\n")
    if not shown or line > len(lines):
        return Place(line, column)
    source = clean_line(lines[line - 1].rstrip())
    return Place(line, column, source, offset=min(column - 1, len(source)))


def clean_line(source: str) -> str:
    """The line with tabs replaced by spaces and unprintable characters replaced by U+FFFD."""
    return printable(source.replace("\t", " "))
