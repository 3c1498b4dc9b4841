"""Parses the text of a file as TOML and reports every syntax error.

The TOML parser stops at the first error. If the invalid line is a ``key = value`` setting, it is removed and the text
is parsed again. After an invalid table header or an unclosed bracket, the meaning of the remaining lines is unknown, so
parsing stops.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from psyche_cli.printable import printable
from psyche_cli.run_config.place import place_at
from psyche_cli.run_config.problems import Problem
from psyche_cli.run_config.reader import LONGEST_SHOWN_VALUE
from psyche_cli.run_config.schema import ROOTS, leaves
from psyche_cli.run_config.types import Boolean, Float, Integer
from psyche_cli.secret_files import kind_of_secret_file

_LARGEST_COUNT: Final = 50
"""Maximum number of syntax errors that are reported."""

# The header or a key of one of the two tables, which identifies the file as an intended run configuration.
_OUR_TABLE: Final = re.compile(r"^[ \t]*(?:\[[ \t]*)?(?:config|model)[ \t]*(?:[].]|=[ \t]*\{)", re.MULTILINE)
# A key and a short value. The line is shown only if the value of this key cannot be a string.
_SHOWN_SETTING: Final = re.compile(rf"\s*(\w+)\s*(?:=.{{0,{LONGEST_SHOWN_VALUE}}})?", re.ASCII)
_SETTING: Final = re.compile(r"\s*(?:[\w-]+\s*\.\s*)*([\w-]+)\s*(?:=.*|)", re.ASCII)
_PLAIN_KEYS: Final = frozenset(
    path.rpartition(".")[2]
    for name, root in ROOTS.items()
    for path, kind in leaves(root, name)
    if isinstance(kind, Integer | Float | Boolean)
)


@dataclass(frozen=True)
class Document:
    """The result of parsing a text.

    ``ours`` is whether it is clearly intended as a run configuration; messages quote nothing from other files.
    ``tables`` is None if a syntax error makes the remaining lines ambiguous. ``text`` is the parsed text, in which
    invalid lines are blank. ``lost_keys`` are the last parts of the keys on those lines.
    """

    ours: bool
    tables: dict[str, Any] | None
    text: str
    problems: tuple[Problem, ...] = ()
    lost_keys: frozenset[str] = frozenset()


def parse(text: str, name: str) -> Document:
    """Parse a text, which messages call ``name``."""
    ours = _OUR_TABLE.search(text) is not None
    kind = "" if ours else kind_of_secret_file(text)
    if kind:
        problem = Problem("", "OtherFile", f"{name} is {kind}, not a run configuration.", name)
        return Document(ours, None, text, (problem,))
    lines = text.replace("\r\n", "\n").split("\n")
    problems: list[Problem] = []
    lost: set[str] = set()
    while True:
        read = "\n".join(lines)
        tables, fault = _loaded(read)
        if fault is None:
            return Document(ours, tables, read, tuple(problems), frozenset(lost))
        problems.append(_problem(fault, read, name, ours=ours))
        number = 0 if fault.place is None else fault.place[0]
        setting = _SETTING.fullmatch(lines[number - 1]) if 0 < number <= len(lines) else None
        if not ours or setting is None or len(problems) == _LARGEST_COUNT:
            return Document(ours, None, read, tuple(problems))
        lost.add(setting[1])
        lines[number - 1] = ""


@dataclass(frozen=True)
class _Fault:
    reason: str
    place: tuple[int, int] | None


def _loaded(text: str) -> tuple[dict[str, Any] | None, _Fault | None]:
    """The tables of a text, or the first fault. tomli's exception contains the text, so it is not chained."""
    import tomli

    try:
        return tomli.loads(text), None
    except tomli.TOMLDecodeError as error:
        reason, place = error.msg, (error.lineno, error.colno)
    except (ValueError, RecursionError):
        return None, _Fault("it contains too large a number or is nested too deeply", None)
    if reason.startswith(("Cannot ", "Duplicate ")):
        reason = "A key or table is declared twice"  # tomli's message quotes the key
    return None, _Fault(reason, place)


def _problem(fault: _Fault, text: str, name: str, *, ours: bool) -> Problem:
    where, place = "", None
    if fault.place is not None:
        line, column = fault.place
        where = f" (at line {line}, column {column})"
        place = place_at(text, line, column, shown=ours and _may_be_shown(text, line))
    reason = f": {printable(fault.reason)}" if ours else ""
    return Problem("", "Syntax", f"The configuration file {name} is not valid TOML{reason}{where}.", name, place)


def _may_be_shown(text: str, number: int) -> bool:
    """Whether an invalid line may be shown, because it can only contain a number or boolean."""
    lines = text.split("\n")
    setting = _SHOWN_SETTING.fullmatch(lines[number - 1].rstrip("\r")) if number <= len(lines) else None
    return setting is not None and setting[1] in _PLAIN_KEYS
