"""Locations of keys and values in a TOML file, with the parts of their lines that may be shown.

A small scanner walks through TOML that a parser has already accepted, so it does not validate. It records the locations
of keys and values by the dotted paths that ``reader`` uses in messages. Comments, and values that are longer than any
valid value, are omitted from the source lines, because they may contain a private key that was pasted there by mistake.
"""

from __future__ import annotations

import contextlib
import re
from typing import Final, NamedTuple

from psyche_cli.run_config.place import Place, clean_line
from psyche_cli.run_config.reader import LONGEST_SHOWN_KEY, LONGEST_SHOWN_VALUE, key_name

OMITTED: Final = "…"
_BLANKS: Final = re.compile(r"[ \t]*")
_BETWEEN: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_COMMENT: Final = re.compile(r"#[^\n]*")
_BARE_KEY: Final = re.compile(r"[\w-]+", re.ASCII)
_BARE_VALUE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]*|[^\s,\]}#]+", re.ASCII)
_STRINGS: Final = (
    re.compile(r'"""(?:\\.|[^\\])*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:\\.|[^"\\])*"'),
    re.compile(r"'[^']*'"),
)
_KEY_RULES: Final = frozenset({"UnknownKey", "RetiredKey", "IgnoredKey", "MissingKey"})
"""Rules about a key rather than its value."""


class _Span(NamedTuple):
    start: int
    end: int


class _Omission(NamedTuple):
    start: int
    end: int
    text: str


class Places:
    """The places of all keys and values in a text, which must be valid TOML."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._keys: dict[str, _Span] = {}
        self._values: dict[str, _Span] = {}
        self._implied: dict[str, _Span] = {}
        self._counts: dict[str, int] = {}
        self._omitted: list[_Omission] = []
        with contextlib.suppress(RecursionError):  # a value nested that deeply is invalid as a whole
            self._document()

    def find(self, key: str, rule: str) -> Place | None:
        """The place of a problem with this dotted key and rule; None if the file has no part of the key."""
        of_key = rule in _KEY_RULES
        while key:
            spans = (self._keys, self._implied) if of_key else (self._values, self._keys, self._implied)
            for known in spans:
                if key in known:
                    return self._place(known[key])
            # A missing key is located at the table that should contain it.
            key, of_key = key[: max(key.rfind("."), key.rfind("["), 0)], True
        return None

    def value_span(self, key: str) -> tuple[int, int] | None:
        """The first and the end offset of the value with this dotted key, in the text with LF line endings."""
        span = self._values.get(key)
        return None if span is None else (span.start, span.end)

    def _place(self, span: _Span) -> Place:
        first = self._text.rfind("\n", 0, span.start) + 1
        last = self._text.find("\n", first)
        shown, starts, at = "", [], first
        end = len(self._text) if last < 0 else last
        omissions = [part for part in self._omitted if part.start < end and part.end > first]
        while at < end:
            omission = next((part for part in omissions if part.start <= at < part.end), None)
            piece = self._text[at] if omission is None else omission.text
            if omission is None or omission.start == at:
                shown += piece
                starts += [at] * len(piece)
            at = at + 1 if omission is None else omission.end
        marked = [i for i, start in enumerate(starts) if span.start <= start < span.end]
        if not marked:  # the span is inside an omitted part
            before = max((start for start in starts if start <= span.start), default=first)
            marked = [i for i, start in enumerate(starts) if start == before] or [0]
        return Place(
            line=self._text.count("\n", 0, first) + 1,
            column=span.start - first + 1,
            source=clean_line(shown.rstrip()),
            offset=marked[0],
            width=len(marked),
        )

    # The scanner. ``self._at`` is its position.

    def _document(self) -> None:
        table = ""
        while self._skip(_BETWEEN) < len(self._text):
            start = self._at
            if self._text[start] != "[":
                self._pair(table)
                continue
            brackets = 2 if self._text.startswith("[[", start) else 1
            self._at += brackets
            parts = self._dotted_key("")
            self._skip(_BLANKS)
            self._at += brackets
            table = parts[-1]
            self._imply(parts[:-1], _Span(start, self._at))
            self._keys.setdefault(table, _Span(start, self._at))
            if brackets == 2:
                count = self._counts.get(table, 0)
                self._counts[table] = count + 1
                table = f"{table}[{count}]"
                self._keys[table] = _Span(start, self._at)

    def _pair(self, table: str) -> None:
        start = self._at
        parts = self._dotted_key(table)
        key = _Span(start, self._at)
        self._skip(_BLANKS)
        self._at += 1  # the equals sign
        self._skip(_BLANKS)
        self._imply(parts[:-1], key)
        self._keys.setdefault(parts[-1], key)
        self._value(parts[-1])

    def _imply(self, paths: list[str], span: _Span) -> None:
        for path in paths:
            self._implied.setdefault(path, span)

    def _dotted_key(self, table: str) -> list[str]:
        """The cumulative paths of the parts of a dotted key."""
        paths: list[str] = []
        while True:
            self._skip(_BLANKS)
            name = self._key_part()
            above = paths[-1] if paths else table
            paths.append(f"{above}.{key_name(name)}" if above else key_name(name))
            end = self._at
            if not self._text.startswith(".", self._skip(_BLANKS)):
                self._at = end
                return paths
            self._at += 1

    def _key_part(self) -> str:
        start = self._at
        if self._text[start] not in "\"'":
            self._skip(_BARE_KEY)
            name = self._text[start : self._at]
        else:
            self._string()
            import tomli

            name = str(tomli.loads(f"key = {self._text[start : self._at]}")["key"])
        if len(name) > LONGEST_SHOWN_KEY:
            self._omit(start, OMITTED)
        return name

    def _value(self, path: str) -> None:
        start = self._at
        first = self._text[start]
        if first in "\"'":
            self._string()
            self._omit_long(start, f'"{OMITTED}"', around=2)
        elif first == "[":
            self._items(path)
            self._omit_long(start, f"[{OMITTED}]", around=2)
        elif first == "{":
            self._inline_table(path)
        else:
            self._skip(_BARE_VALUE)
            self._omit_long(start, OMITTED)
        self._values.setdefault(path, _Span(start, self._at))

    def _items(self, path: str) -> None:
        self._at += 1
        index = 0
        while self._text[self._skip(_BETWEEN)] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._value(f"{path}[{index}]")
            index += 1
        self._at += 1

    def _inline_table(self, path: str) -> None:
        self._at += 1
        while self._text[self._skip(_BETWEEN)] != "}":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    def _string(self) -> None:
        for shape in _STRINGS:
            found = shape.match(self._text, self._at)
            if found:
                self._at = found.end()
                return

    def _skip(self, shape: re.Pattern[str]) -> int:
        """Advance past a match of this pattern, and omit the comments in it from the source lines."""
        found = shape.match(self._text, self._at)
        if found:
            if shape is _BETWEEN:
                for comment in _COMMENT.finditer(self._text, self._at, found.end()):
                    self._omitted.append(_Omission(*comment.span(), ""))
            self._at = found.end()
        return self._at

    def _omit_long(self, start: int, text: str, *, around: int = 0) -> None:
        if self._at - start - around > LONGEST_SHOWN_VALUE:
            self._omit(start, text)

    def _omit(self, start: int, text: str) -> None:
        while self._omitted and self._omitted[-1].start >= start:  # replaces omissions inside this one
            self._omitted.pop()
        self._omitted.append(_Omission(start, self._at, text))
