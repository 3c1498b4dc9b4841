"""In-memory streams that claim to be terminals."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """An in-memory terminal that records its output, including styles."""

    def isatty(self) -> bool:
        return True
