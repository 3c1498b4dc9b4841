"""Curves as text for a terminal, and curves and timelines as SVG. Non-finite values are not drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, zip_longest
from typing import Final, TypeVar
from xml.sax.saxutils import escape

_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of the dots of a Braille character, by row and column."""

_BRAILLE: Final = 0x2800

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Curve:
    """A curve through evenly spaced values; ``first`` and ``last`` label the ends of its horizontal axis.

    ``spread`` has the lowest and the highest value around each value, if they are known.
    """

    title: str
    values: Sequence[float]
    first: str
    last: str
    spread: Sequence[tuple[float, float]] = ()

    @cached_property
    def low(self) -> float:
        """The smallest value, that of the spread included; 0 if there is none."""
        return min(filter(math.isfinite, [*self.values, *(low for low, _ in self.spread)]), default=0.0)

    @cached_property
    def high(self) -> float:
        """The largest value, that of the spread included; 0 if there is none."""
        return max(filter(math.isfinite, [*self.values, *(high for _, high in self.spread)]), default=0.0)

    @cached_property
    def span(self) -> float:
        """The largest value minus the smallest; 0 if the difference is not finite."""
        span = self.high - self.low
        return span if math.isfinite(span) else 0.0

    def share(self, value: float) -> float:
        """The position of a finite value between the smallest (0) and the largest (1); 0 if all are equal."""
        return (value - self.low) / self.span if self.span > 0 else 0.0


@dataclass(frozen=True)
class Timeline:
    """What was the case in each of equal parts of an axis: a name for each part, from ``names``.

    ``first`` and ``last`` label the ends of the axis.
    """

    title: str
    parts: Sequence[str]
    names: Sequence[str]
    first: str
    last: str


def text_plot(curve: Curve, *, width: int, height: int, braille: bool = True) -> list[str]:
    """The curve as lines of at most ``width`` characters: the title, ``height`` lines of plot, and the axis labels.

    The spread is dotted.
    """
    top, bottom = number_text(curve.high), number_text(curve.low)
    margin = max(len(top), len(bottom))
    columns = max(width - margin - 2, 1)
    across, down = (2, 4) if braille else (1, 1)
    dots = _dots(curve, columns * across, height * down)
    around = _spread_dots(curve, columns * across, height * down)
    lines = [curve.title]
    for row in range(height):
        label = top if row == 0 else bottom if row == height - 1 else ""
        if braille:
            cells = [_cell(dots | around, column, row) for column in range(columns)]
        else:
            cells = ["*" if (at, row) in dots else "." if (at, row) in around else " " for at in range(columns)]
        lines.append(f"{label.rjust(margin)} {'│' if braille else '|'}{''.join(cells)}".rstrip())
    gap = max(columns - len(curve.first) - len(curve.last), 1)
    lines.append(f"{' ' * (margin + 2)}{curve.first}{' ' * gap}{curve.last}")
    return lines


def _dots(curve: Curve, columns: int, rows: int) -> set[tuple[int, int]]:
    """The dots (column, row) of a curve, including those that connect values in adjacent columns."""
    dots: set[tuple[int, int]] = set()
    before: int | None = None
    for column in range(columns):
        value = _sample(curve.values, column, columns, math.nan)
        if not math.isfinite(value):
            before = None
            continue
        row = _row(curve, value, rows)
        first = row if before is None else before
        dots |= {(column, at) for at in range(min(first, row), max(first, row) + 1)}
        before = row
    return dots


def _spread_dots(curve: Curve, columns: int, rows: int) -> set[tuple[int, int]]:
    """Every other dot of the spread, also of the columns if there are many."""
    dots: set[tuple[int, int]] = set()
    for column in range(columns):
        low, high = _sample(curve.spread, column, columns, (math.nan, math.nan))
        if math.isfinite(low) and math.isfinite(high):
            top, bottom = _row(curve, high, rows), _row(curve, low, rows)
            dots |= {(column, at) for at in range(top, bottom + 1) if (column + at) % 2 == 0}
    return dots


def _row(curve: Curve, value: float, rows: int) -> int:
    return rows - 1 - round(curve.share(value) * (rows - 1))


def _sample(values: Sequence[_Value], column: int, columns: int, without: _Value) -> _Value:
    if not values:
        return without
    return values[round(column * (len(values) - 1) / max(columns - 1, 1))]


def _cell(dots: set[tuple[int, int]], column: int, row: int) -> str:
    bits = 0
    for down, bits_of_row in enumerate(_DOTS):
        for across, bit in enumerate(bits_of_row):
            if (2 * column + across, 4 * row + down) in dots:
                bits |= bit
    return chr(_BRAILLE + bits) if bits > 0 else " "


def shortened(text: str, width: int) -> str:
    """A text of at most ``width`` characters, the last of which are dots if it was longer."""
    return text if len(text) <= width else f"{text[: max(width - 3, 0)]}..."


def side_by_side(left: Sequence[str], right: Sequence[str], width: int) -> list[str]:
    """Two texts beside each other; ``width`` is that of the left one, with the gap."""
    return [f"{one.ljust(width)}{other}".rstrip() for one, other in zip_longest(left, right, fillvalue="")]


def number_text(value: float) -> str:
    """A number in few characters, such as ``0.0004`` or ``4.5e-06``; whole numbers in full."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e12 else f"{value:.4g}"


_WIDTH: Final = 860
_PANEL: Final = 260
_LEFT: Final = 100
_RIGHT: Final = 30
_TOP: Final = 50
_BOTTOM: Final = 45
_BAND: Final = 40
_BAND_PANEL: Final = 160
_COLORS: Final = ("#94a3b8", "#d97706", "#8e5bb5", "#1f5fa8", "#7cb2ee", "#4f8a4c", "#334155", "#c0392b")
"""The colors of the names of a timeline, in their order."""


def svg_plot(panels: Sequence[Curve | Timeline], *, title: str, description: str) -> str:
    """The panels, one below the other, as an SVG document without scripts or external references."""
    height = sum(map(_height, panels)) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"',
        'role="img" aria-labelledby="title description" font-family="sans-serif" font-size="13">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="description">{escape(description)}</desc>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="26" font-size="17" fill="#111111">{escape(title)}</text>',
    ]
    offset = 40
    for panel in panels:
        parts += _band(panel, offset) if isinstance(panel, Timeline) else _panel(panel, offset)
        offset += _height(panel)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _height(panel: Curve | Timeline) -> int:
    return _BAND_PANEL if isinstance(panel, Timeline) else _PANEL


def _band(timeline: Timeline, offset: int) -> list[str]:
    """A band with a color for each name, and a legend."""
    left, right, top = _LEFT, _WIDTH - _RIGHT, offset + _TOP
    colors = dict(zip(timeline.names, _COLORS, strict=False))
    parts = [f'<text x="{left}" y="{top - 14}" fill="#111111">{escape(timeline.title)}</text>']
    at, each = 0, (right - left) / max(len(timeline.parts), 1)
    for name, group in groupby(timeline.parts):
        count = len(list(group))
        parts.append(
            f'<rect x="{left + at * each:.1f}" y="{top}" width="{count * each:.1f}" height="{_BAND}" '
            f'fill="{colors[name]}"><title>{escape(name)}</title></rect>'
        )
        at += count
    axis = f'y="{top + _BAND + 20}" fill="#444444"'
    parts.append(f'<text x="{left}" {axis}>{escape(timeline.first)}</text>')
    parts.append(f'<text x="{right}" {axis} text-anchor="end">{escape(timeline.last)}</text>')
    legend, x = top + _BAND + 44, left
    for name in dict.fromkeys(name for name in timeline.names if name in timeline.parts):
        parts.append(f'<rect x="{x}" y="{legend - 11}" width="12" height="12" fill="{colors[name]}"/>')
        parts.append(f'<text x="{x + 18}" y="{legend}" fill="#444444">{escape(name)}</text>')
        x += 36 + 8 * len(name)
    return parts


def _panel(curve: Curve, offset: int) -> list[str]:
    left, right = _LEFT, _WIDTH - _RIGHT
    top, bottom = offset + _TOP, offset + _PANEL - _BOTTOM
    span = curve.span
    parts = [f'<text x="{left}" y="{top - 14}" fill="#111111">{escape(curve.title)}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = bottom - share * (bottom - top)
        label = escape(number_text(curve.low + share * span))
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#dddddd"/>')
        if span > 0 or share == 0:
            parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#444444">{label}</text>')
    for piece in _pieces(curve):
        points = " ".join(
            f"{left + at / max(len(curve.values) - 1, 1) * (right - left):.1f},"
            f"{bottom - curve.share(value) * (bottom - top):.1f}"
            for at, value in piece
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="#1f5fa8" stroke-width="2"/>')
    axis = f'y="{bottom + 20}" fill="#444444"'
    parts.append(f'<text x="{left}" {axis}>{escape(curve.first)}</text>')
    parts.append(f'<text x="{right}" {axis} text-anchor="end">{escape(curve.last)}</text>')
    return parts


def _pieces(curve: Curve) -> list[list[tuple[int, float]]]:
    """The finite values with their indexes, split where a value is not finite."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for at, value in enumerate(curve.values):
        if math.isfinite(value):
            pieces[-1].append((at, value))
        else:
            pieces.append([])
    return [piece for piece in pieces if piece]
