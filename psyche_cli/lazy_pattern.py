"""Regular expressions that are compiled on first use, which keeps ``--help`` fast."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any


class LazyPattern:
    """A lazily compiled regular expression with the methods of ``re.Pattern`` that this package uses."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text = text
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._text, self._flags)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match anywhere in the text, or None."""
        return self._compiled.search(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of the whole text, or None."""
        return self._compiled.fullmatch(text)

    def findall(self, text: str) -> list[Any]:
        """All matches as strings, or their groups if the pattern has any."""
        return self._compiled.findall(text)

    def finditer(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        """All matches from ``start`` up to, but not including, ``end``."""
        return self._compiled.finditer(text, start, len(text) if end is None else end)

    def split(self, text: str) -> list[str]:
        """The text between the matches, and the pattern's groups; a group that did not match is empty."""
        return [part or "" for part in self._compiled.split(text)]
