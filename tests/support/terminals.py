"""Streams in memory that say they are a terminal."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """What is written to it stays readable, styles included."""

    def isatty(self) -> bool:
        return True
