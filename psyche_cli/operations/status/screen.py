"""The screen of a run, as lines for a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from psyche_cli.folding import cells, folded
from psyche_cli.operations.status.screen_rows import UNBROKEN, Row, row_groups, state_of
from psyche_cli.operations.status.show_payloads import ShowData
from psyche_cli.operations.tones import state_tone
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import Line, Span
from psyche_cli.suggestions import NOTHING_GIVEN, GivenOptions

_CYCLE: Final = (
    RunState.WAITING_FOR_MEMBERS,
    RunState.WARMUP,
    RunState.ROUND_TRAIN,
    RunState.ROUND_WITNESS,
    RunState.COOLDOWN,
)
_INDENT: Final = 2
_LABELS: Final = 12
_GAP: Final = 2
_NARROW: Final = 60
"""Columns below which a label stands above its value."""
_CONTINUED: Final = " \\"
"""The end of a line after which a shell reads on."""


def screen_lines(data: ShowData, width: int, utf8: bool, given: GivenOptions = NOTHING_GIVEN) -> list[Line]:
    """The screen for a terminal of ``width`` columns; without ``utf8``, its own text is ASCII.

    ``given`` are the options that the suggested command repeats.

    Text of strangers is included as it is, so it must be made printable.
    """
    lines: list[Line] = [_machine(data, width), []]
    for group in row_groups(data, given):
        rows = list(group)
        for row in rows:
            lines += _laid_out(row, width, utf8)
        lines += [[]] if rows else []
    return lines[:-1]


def _machine(data: ShowData, width: int) -> Line:
    """The states in their order with the current one in brackets, as many of them as fit."""
    current = state_of(data)
    states = list(_CYCLE)
    if current not in states:
        states = [*states, current] if current == RunState.FINISHED else [current, *states]
    shown = [f"[{state.variant}]" if state == current else state.variant for state in states]
    position = states.index(current)
    first, last = 0, len(shown)
    while len(text := _joined(shown, first, last)) > width - _INDENT and last - first > 1:
        if last - 1 - position >= position - first:
            last -= 1
        else:
            first += 1
    before, name, after = text.partition(shown[position])
    tone = state_tone(current, pausing=data.pending_pause)
    return [Span(" " * _INDENT), Span(before, "dim"), Span(name, tone), Span(after, "dim")]


def _joined(names: Sequence[str], first: int, last: int) -> str:
    cut = ["..."] if first > 0 else [], ["..."] if last < len(names) else []
    return " > ".join([*cut[0], *names[first:last], *cut[1]])


def _laid_out(row: Row, width: int, utf8: bool) -> Iterator[Line]:
    is_narrow = width < _NARROW
    margin = 2 * _INDENT if is_narrow else _INDENT + _LABELS + _GAP
    room = width - margin
    bar = 0 if row.share is None else min(max(room // 3, 10), 40)
    beside = bar + _GAP if bar > 0 and not is_narrow else 0
    text = row.text if all(cells(word) <= room - beside for word in row.text.split(" ")) else _broken(row.text)
    texts = [_broken(line) for line in folded(text, room - beside - len(_CONTINUED) * row.is_command)]
    if row.is_command:
        texts = [*(line.rstrip() + _CONTINUED for line in texts[:-1]), texts[-1]]
    if is_narrow and row.label:
        yield [Span(" " * _INDENT), Span(row.label, "dim")]
    if is_narrow and row.share is not None:
        yield [Span(" " * margin), *_bar(row.share, bar, utf8)]
    for number, line in enumerate(texts):
        if is_narrow or number > 0:
            start = [Span(" " * (margin + beside))]
        else:
            label = Span(row.label + " " * max(_LABELS - cells(row.label), 0), "dim" if row.label else None)
            start = [Span(" " * _INDENT), label, Span(" " * _GAP)]
            if row.share is not None:
                start += [*_bar(row.share, bar, utf8), Span(" " * _GAP)]
        yield [*start, Span(line, row.tone)]


def _bar(share: float, width: int, utf8: bool) -> list[Span]:
    """A bar; any progress fills at least one cell, and only full progress all of them."""
    filled = int(share * width)
    filled = max(filled, 1) if share > 0 else 0
    filled = min(filled, width - 1) if share < 1 else width
    full, empty = ("█", "░") if utf8 else ("#", ".")
    return [Span(full * filled, "good"), Span(empty * (width - filled), "dim")]


def _broken(text: str) -> str:
    return text.replace(UNBROKEN, " ")
