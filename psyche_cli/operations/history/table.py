"""The audit log as a table for people, at the width of their terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from psyche_cli.amounts import format_sol
from psyche_cli.folding import folded
from psyche_cli.history.events import DONE, FAILED
from psyche_cli.operations.times import iso_time
from psyche_cli.printable import printable
from psyche_cli.results import Line, Span

if TYPE_CHECKING:
    from psyche_cli.operations.history.payloads import HistoryEntry

_TIME: Final = 19
_SIGNATURE: Final = 12
"""Characters of a signature that are shown. They suffice for --at, --since and --until."""
_SHORT_SIGNATURE: Final = 8
_FEE: Final = 8
_GAP: Final = "  "
_NARROW: Final = 100
"""Columns below which less of the signature, and the fee, are below the time."""
_ADDRESS: Final = re.compile(r"\b[1-9A-HJ-NP-Za-km-z]{32,44}\b")


def heading(width: int) -> Line:
    """The headings of the table."""
    if width < _NARROW:
        return [Span(f"{'time (UTC)':<{_TIME}}{_GAP}event", "bold")]
    return [
        Span(f"{'time (UTC)':<{_TIME}}{_GAP}{'signature':<{_SIGNATURE}}{_GAP}{'fee, SOL':>{_FEE}}{_GAP}event", "bold")
    ]


def table(events: Sequence[HistoryEntry], width: int, _utf8: bool = True) -> list[str | Line]:
    """The table of some events, with a line where another incarnation begins. Of failed transactions, what failed."""
    if not events:
        return []
    lines: list[str | Line] = [heading(width)]
    before: HistoryEntry | None = None
    for one in filter(is_shown, events):
        lines += entry_lines(one, before, width)
        before = one
    return lines


def is_shown(entry: HistoryEntry) -> bool:
    """Whether the table has an event: of a failed transaction, only what failed."""
    return entry.outcome in (DONE, FAILED) or entry.error is not None


def entry_lines(entry: HistoryEntry, before: HistoryEntry | None, width: int) -> Iterator[Line]:
    """The lines of an event. What it shares with the transaction of the event before is not repeated."""
    if before is not None and None is not entry.incarnation != before.incarnation:
        yield [Span(f"Incarnation {entry.incarnation}", "bold")]
    is_same = before is not None and entry.signature == before.signature
    time, signature, fee = (
        ("", "", "") if is_same else (_time(entry), entry.signature[:_SIGNATURE], format_sol(entry.fee_lamports))
    )
    sentence = _ADDRESS.sub(lambda found: f"{found[0][:4]}..{found[0][-4:]}", printable(entry.sentence))
    text = sentence if entry.is_reliable else f"(not reliable) {sentence}"
    is_bad = entry.outcome != DONE
    if width < _NARROW:
        left = [time, f"{signature[:_SHORT_SIGNATURE]} {fee}"]
        lines = folded(text, width - _TIME - len(_GAP))
        for start, rest in zip_longest(left[: 1 if is_same else 2], lines, fillvalue=""):
            yield _line(f"{start:<{_TIME}}{_GAP}", rest, is_bad=is_bad)
        return
    head = f"{time:<{_TIME}}{_GAP}{signature:<{_SIGNATURE}}{_GAP}{fee:>{_FEE}}{_GAP}"
    for index, rest in enumerate(folded(text, width - len(head))):
        yield _line(head if index == 0 else " " * len(head), rest, is_bad=is_bad)


def _line(left: str, text: str, *, is_bad: bool) -> Line:
    return [Span(left, "dim"), Span(text, "bad" if is_bad else None)]


def _time(entry: HistoryEntry) -> str:
    if entry.time is None:
        return f"slot {entry.slot}"
    return iso_time(entry.time).replace("T", " ").rstrip("Z")
