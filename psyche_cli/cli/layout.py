"""The layout of human-readable results: a title and aligned rows, styled and folded for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from psyche_cli.folding import cells, folded
from psyche_cli.results import Span, Tone
from psyche_cli.styles import BOLD, DIM, GREEN, RED, YELLOW, styled

_INDENT, _GAP = 2, 2
_ADDRESS = 44
"""Columns that values get at least, so that an address is not broken. A label that leaves less stands on a line of its
own. On a narrow terminal, it may leave less."""
_LEAST_LABEL = 20
_CODES: dict[Tone, str] = {"good": GREEN, "caution": YELLOW, "bad": RED}
_STYLES: dict[str, str] = {"good": GREEN, "caution": YELLOW, "bad": RED, "bold": BOLD, "dim": DIM}


class Row(NamedTuple):
    """A printable label and value. The first ``toned`` characters of the value have the ``tone``."""

    label: str
    value: str
    tone: Tone | None = None
    toned: int = 0


def plain_layout(title: str, rows: list[Row]) -> str:
    """A title and aligned rows, one line each."""
    width = max((len(row.label) for row in rows), default=0)
    return "\n".join([title, *(f"  {row.label.ljust(width)}  {row.value}" for row in rows)])


def terminal_layout(title: str, rows: list[Row], *, columns: int, with_styles: bool) -> str:
    """A title and aligned rows, no line wider than ``columns``.

    Wide values are wrapped within their column. With ``with_styles``, the title is bold, labels are dim, and values
    have the color of their tone.
    """
    widest = columns - _INDENT - _GAP - min(_ADDRESS, columns - _LEAST_LABEL)
    label_width = max((width for row in rows if (width := cells(row.label)) <= widest), default=0)
    indent = _INDENT + label_width + _GAP
    lines = [_styled(BOLD, line, with_styles) for line in folded(title, columns)]
    for row in rows:
        values = _values(row, columns - indent, with_styles)
        room = label_width - cells(row.label)
        if room < 0:
            lines += [
                _styled(DIM, f"{' ' * _INDENT}{line}", with_styles) for line in folded(row.label, columns - _INDENT)
            ]
        else:
            label = _styled(DIM, row.label + " " * room, with_styles)
            lines.append(f"{' ' * _INDENT}{label}{' ' * _GAP}{values.pop(0)}")
        lines += [" " * indent + value for value in values]
    return "\n".join(lines)


def styled_spans(spans: Iterable[Span], *, with_styles: bool) -> str:
    """A line of printable spans, with their styles only if ``with_styles``."""
    return "".join(
        styled(_STYLES[span.style], span.text) if with_styles and span.style is not None else span.text
        for span in spans
    )


def _values(row: Row, width: int, with_styles: bool) -> list[str]:
    """The lines of a value, styled."""
    lines = folded(row.value, width)
    if row.tone is None or not with_styles:
        return lines
    shown = []
    position = 0
    for line in lines:
        position = row.value.index(line, position)
        toned = max(row.toned - position, 0)
        shown.append((styled(_CODES[row.tone], line[:toned]) if toned > 0 else "") + line[toned:])
        position += len(line)
    return shown


def _styled(code: str, text: str, with_styles: bool) -> str:
    return styled(code, text) if with_styles else text
