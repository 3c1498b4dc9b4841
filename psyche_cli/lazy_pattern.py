"""Regular expressions that are compiled when they are first used, so that ``--help`` need not wait for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any


class LazyPattern:
    """A regular expression with the methods of ``re.Pattern`` that are used here."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text = text
        self._flags = flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self._text, self._flags)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match anywhere in the text."""
        return self._compiled.search(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of the whole text."""
        return self._compiled.fullmatch(text)

    def findall(self, text: str) -> list[Any]:
        """The texts of all matches, or of their only group."""
        return self._compiled.findall(text)

    def finditer(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        """All matches between two positions."""
        return self._compiled.finditer(text, start, len(text) if end is None else end)

    def split(self, text: str) -> list[str]:
        """What stands between the matches."""
        return [part or "" for part in self._compiled.split(text)]
