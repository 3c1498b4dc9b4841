"""Curves as rows of CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from psyche_cli.curves.curve import Curve
from psyche_cli.operations.tables import csv_text

COLUMNS: Final = ("what", "name", "unit", "step", "time", "value", "low", "high", "witnesses")
_AT_ONCE: Final = 1000


def csv_lines(curves: Iterable[Curve]) -> Iterator[str]:
    """The points of curves as CSV, in portions: a header, and a row for each point. Empty fields have no value."""
    yield csv_text([COLUMNS])
    rows = _rows(curves)
    while portion := [*islice(rows, _AT_ONCE)]:
        yield csv_text(portion)


def _rows(curves: Iterable[Curve]) -> Iterator[list[str]]:
    for curve in curves:
        kind = curve.kind
        for point in curve.points:
            yield [kind.what, kind.name, kind.unit, *("" if value is None else str(value) for value in point)]
