"""In-memory streams that claim to be terminals, and what a terminal shows."""

from __future__ import annotations

import io
import re


class Terminal(io.StringIO):
    """An in-memory terminal that records its output, including styles."""

    def isatty(self) -> bool:
        return True


def screen(output: str) -> list[str]:
    """The lines that a terminal shows after this output, without colors and empty lines at the end."""
    lines = [""]
    column = 0
    for token in re.findall(r"\x1b\[[0-9]*[mK]|.|\n", output, re.DOTALL):
        line = lines[-1]
        if token == "\n":
            lines.append("")
            column = 0
        elif token == "\r":
            column = 0
        elif token == "\x1b[K":
            lines[-1] = line[:column]
        elif len(token) == 1:
            assert token != "\x1b", "an unknown escape sequence"
            lines[-1] = line[:column] + token + line[column + 1 :]
            column += 1
    return "\n".join(lines).rstrip("\n").split("\n")
