"""Curves as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from psyche_cli.curves.curve import Curve
from psyche_cli.curves.points import Point
from psyche_cli.operations.curves.payloads import CurvesData, WitnessTally
from psyche_cli.operations.curves.selection import places_of, samples
from psyche_cli.operations.status.diagnosis.finding import counted
from psyche_cli.operations.times import iso_time
from psyche_cli.plots import Curve as Plot
from psyche_cli.plots import number_text, shortened, side_by_side, text_plot

WIDE: Final = 110
"""Minimum width in columns at which plots are printed side by side."""

_HEIGHT: Final = 7
_GAP: Final = 4
_DOTS_PER_COLUMN: Final = 2
_MOST_NAMED: Final = 3


def summary(data: CurvesData, curves: Sequence[Curve]) -> str:
    """The curves in one sentence."""
    steps = [point.step for curve in curves for point in (curve.points[0], curve.points[-1])]
    life = "" if data.incarnation == 1 else f", incarnation {data.incarnation}"
    if not steps:
        return f"Run {data.run_id}{life} has no such curves yet."
    where = f"step {min(steps):,}" if min(steps) == max(steps) else f"steps {min(steps):,} to {max(steps):,}"
    written = "" if data.file is None else f", written to {data.file}"
    return f"{counted(len(curves), 'curve')} of run {data.run_id}{life}: {where}{written}."


def details(data: CurvesData) -> Iterator[tuple[str, str]]:
    """What was left out or is remarkable, as label-value pairs."""
    if data.slot is not None:
        yield "history up to slot", f"{data.slot:,}"
    yield "witnesses", f"{counted(len(data.witnesses), 'wallet')}, {_sum(data, 'reports'):,} reports"
    for label, field in (
        ("not a number, left out", "not_finite"),
        ("far from the others", "far"),
        ("about another step", "other_step"),
        ("repeated, left out", "repeated"),
    ):
        if _sum(data, field) > 0:
            yield label, _by_whom(data.witnesses, field)
    if data.removed_rounds > 0:
        yield "trained again, left out", counted(data.removed_rounds, "round")
    if data.more_evaluations > 0:
        yield "evaluations left out", f"{data.more_evaluations:,}"


def warnings(data: CurvesData) -> Iterator[str]:
    """Why the curves may be wrong."""
    if data.gaps > 0:
        yield f"{counted(data.gaps, 'part')} of the history are missing, so that curves may have gaps."
    if not data.reliable:
        yield (
            "The ledger and the model of the coordinator disagree about a transaction. The steps, and what does not "
            "come from witnesses, are not reliable from there on."
        )


def _sum(data: CurvesData, field: str) -> int:
    return sum(getattr(one, field) for one in data.witnesses)


def _by_whom(tallies: Sequence[WitnessTally], field: str) -> str:
    found = sorted(((getattr(one, field), one.wallet) for one in tallies), reverse=True)
    named = [f"{count:,} of {wallet}" for count, wallet in found if count > 0]
    rest = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f", and of {counted(rest, 'other wallet')}" if rest > 0 else "")


@dataclass(frozen=True)
class CurvesText:
    """Plots of curves; the values of one that is constant are printed as a number."""

    curves: Sequence[Curve]

    def __call__(self, width: int, utf8: bool) -> list[str]:
        """The lines for a terminal of ``width`` columns; without ``utf8``, the plots are ASCII."""
        wide = width >= WIDE
        each = (width - _GAP) // 2 if wide else width
        plots = [
            text_plot(plot_of(one, each), width=each, height=_HEIGHT, braille=utf8)
            for one in self.curves
            if not is_constant(one.points)
        ]
        lines: list[str] = []
        for index in range(0, len(plots), 2 if wide else 1):
            right = plots[index + 1] if wide and index + 1 < len(plots) else []
            lines += [*side_by_side(plots[index], right, each + _GAP), ""]
        for one in self.curves:
            if is_constant(one.points):
                value = next((point.value for point in one.points if point.value is not None), None)
                shown = "not a number" if value is None else f"{number_text(value)} {one.kind.unit}".rstrip()
                lines.append(f"{one.kind.title}: {shown} throughout")
        return lines if lines[-1] else lines[:-1]


def is_constant(points: Sequence[Point]) -> bool:
    """Whether all points have the same value, without a spread."""
    values = {value for point in points for value in (point.value, point.low, point.high)} - {None}
    return len(values) < 2 and len({point.value for point in points}) == 1


def plot_of(curve: Curve, width: int) -> Plot:
    """A curve as values at equal distances, with their spread, for a plot that is ``width`` columns wide."""
    kind, points = curve.kind, curve.points
    found = samples(points, kind.axis, width * _DOTS_PER_COLUMN)
    first, last = ends_of(points, kind.axis)
    spread = [(one.low, one.high) for one in found]
    return Plot(shortened(title_of(curve), width), [one.value for one in found], first, last, spread)


def title_of(curve: Curve) -> str:
    """The title of a curve, with its unit."""
    return f"{curve.kind.title} ({curve.kind.unit})" if curve.kind.unit else curve.kind.title


def ends_of(points: Sequence[Point], axis: str) -> tuple[str, str]:
    """The labels of the ends of a curve's axis: steps or times."""
    first, last = points[0], points[-1]
    if axis == "step" or places_of(points, axis)[0] != first.time or first.time is None or last.time is None:
        return f"step {first.step:,}", f"{last.step:,}"
    return iso_time(first.time), iso_time(last.time)
