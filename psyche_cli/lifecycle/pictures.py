"""State machines as SVG pictures.

The states form a column in the order of their declaration. Transitions to a later state run on the right, and those to
an earlier one on the left, each in a lane of its own. They are numbered, and a list explains the numbers.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from psyche_cli.lifecycle.diagrams import CREATED, REMOVED, Edge, edges, outer_ends
from psyche_cli.lifecycle.machine import Machine

_ROW: Final = 58
_BOX_WIDTH, _BOX_HEIGHT = 180, 34
_LANE: Final = 26
_MARGIN: Final = 24
_CORNER: Final = 8
_BADGE: Final = 9
_LINE: Final = 20
_CHARACTER: Final = 6.6
"""The average width of a character of the list, for the width of the picture."""

_FONT: Final = 'font-family="system-ui, sans-serif"'
_HIGHLIGHT, _BOX, _INK, _EDGE, _PAPER = "#2563eb", "#f1f5f9", "#0f172a", "#64748b", "#ffffff"


_TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path d="M0 0 L8 4 L0 8 z" fill="{_EDGE}"/></marker></defs>'
)
"""The arrowhead."""


class _Arc(NamedTuple):
    """An edge between two rows of the picture, and its number."""

    number: int
    start: int
    end: int
    edge: Edge

    @property
    def is_forward(self) -> bool:
        return self.end > self.start

    @property
    def span(self) -> tuple[int, int]:
        return min(self.start, self.end), max(self.start, self.end)


def svg(machine: Machine, highlighted: str | None = None) -> str:
    """The machine as an SVG picture; the state ``highlighted`` is highlighted."""
    rows = _rows(machine)
    arcs = [
        _Arc(number, rows[edge.source or CREATED], rows[edge.target or REMOVED], edge)
        for number, edge in enumerate(edges(machine), 1)
    ]
    left = _lanes([arc for arc in arcs if not arc.is_forward])
    right = _lanes([arc for arc in arcs if arc.is_forward])
    column = _MARGIN + _LANE * (len(left) + 1)
    listed_at = column + _BOX_WIDTH + _LANE * (len(right) + 1) + _MARGIN
    listed = [f"{edge.source or CREATED} → {edge.target or REMOVED}: {edge.label}" for edge in edges(machine)]
    width = listed_at + int(max(map(len, listed)) * _CHARACTER) + 2 * _MARGIN
    height = max(len(rows) * _ROW, len(listed) * _LINE) + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {_FONT}>',
        f"<title>{escape(machine.title)}</title>",
        _TIP,
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
    ]
    for lanes, side, edge_at in ((left, -1, column), (right, 1, column + _BOX_WIDTH)):
        for lane, found in enumerate(lanes, 1):
            parts += [_path(arc, edge_at, edge_at + side * lane * _LANE, side) for arc in found]
            parts += [part for arc in found for part in _badge(arc, edge_at + side * lane * _LANE)]
    parts += [part for name, row in rows.items() for part in _box(machine, name, row, column, highlighted)]
    for arc, text in zip(arcs, listed, strict=True):
        y = _MARGIN + arc.number * _LINE
        parts.append(_text(listed_at, y, f"{arc.number}", anchor="end", color=_EDGE))
        parts.append(_text(listed_at + 10, y, text))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _rows(machine: Machine) -> dict[str, int]:
    outer = outer_ends(machine)
    names = [state.name for state in machine.states]
    if CREATED in outer:
        names.insert(0, CREATED)
    if REMOVED in outer:
        names.append(REMOVED)
    return {name: row for row, name in enumerate(names)}


def _lanes(arcs: list[_Arc]) -> list[list[_Arc]]:
    """The arcs of one side in lanes in which they do not overlap, the shortest first."""
    lanes: list[list[_Arc]] = []
    for arc in sorted(arcs, key=lambda one: (one.span[1] - one.span[0], one.span)):
        for lane in lanes:
            if not any(_overlap(arc, other) for other in lane):
                lane.append(arc)
                break
        else:
            lanes.append([arc])
    return lanes


def _overlap(arc: _Arc, other: _Arc) -> bool:
    """Whether two arcs of a lane would touch: those of a state to itself need its row for themselves."""
    if arc.start == arc.end or other.start == other.end:
        return arc.span[0] <= other.span[1] and other.span[0] <= arc.span[1]
    return arc.span[0] < other.span[1] and other.span[0] < arc.span[1]


def _center(row: int) -> int:
    return _MARGIN + row * _ROW + _ROW // 2


def _ends(arc: _Arc) -> tuple[int, int]:
    """Where an arc leaves its box and enters the other one: arcs leave below the middle and enter above it."""
    shift = _BOX_HEIGHT // 4
    return _center(arc.start) + shift, _center(arc.end) - shift


def _path(arc: _Arc, edge_at: int, lane_at: int, side: int) -> str:
    start, end = _ends(arc)
    down = _CORNER if end > start else -_CORNER
    across = side * _CORNER
    dashed = ' stroke-dasharray="4 3"' if arc.edge.rare else ""
    return (
        f'<path d="M{edge_at} {start} H{lane_at - across} Q{lane_at} {start} {lane_at} {start + down} '
        f'V{end - down} Q{lane_at} {end} {lane_at - across} {end} H{edge_at}" fill="none" stroke="{_EDGE}" '
        f'stroke-width="1.3"{dashed} marker-end="url(#tip)"/>'
    )


def _badge(arc: _Arc, lane_at: int) -> tuple[str, str]:
    y = sum(_ends(arc)) // 2
    return (
        f'<circle cx="{lane_at}" cy="{y}" r="{_BADGE}" fill="{_PAPER}" stroke="{_EDGE}"/>',
        _text(lane_at, y + 4, str(arc.number), anchor="middle", size=10),
    )


def _box(machine: Machine, name: str, row: int, column: int, highlighted: str | None) -> tuple[str, ...]:
    x, y = column + _BOX_WIDTH // 2, _center(row)
    state = machine.states_by_name.get(name)
    if state is None:
        return (
            _rectangle(column, y, fill=_PAPER, more=' stroke-dasharray="2 3"'),
            _text(x, y + 5, name, anchor="middle", color=_EDGE, size=13),
        )
    fill, color = (_HIGHLIGHT, _PAPER) if name == highlighted else (_BOX, _INK)
    return (
        _rectangle(column, y, fill=fill, more=' stroke-width="2.5"' if state.is_end else ""),
        _text(x, y + 5, name, anchor="middle", color=color, size=13),
    )


def _text(x: int, y: int, text: str, *, anchor: str = "start", color: str = _INK, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}">{escape(text)}</text>'


def _rectangle(x: int, y: int, *, fill: str, more: str) -> str:
    return (
        f'<rect x="{x}" y="{y - _BOX_HEIGHT // 2}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="8" fill="{fill}" '
        f'stroke="{_EDGE}"{more}/>'
    )
