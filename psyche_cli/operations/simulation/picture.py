"""The timeline of a simulation as an SVG document: states, steps, members and rewards over time."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.model.simulation.history import History
from psyche_cli.operations.simulation.report import Report
from psyche_cli.plots import Curve, Timeline, svg_plot
from psyche_cli.protocol.run_states import RunState

_COLUMNS: Final = 730
"""The number of points in time that are drawn: one for each pixel of the axis."""

_TRAINING: Final = (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS)


def picture(report: Report, title: str, description: str) -> str:
    """The SVG document. Rounds that are shorter than a pixel are drawn as training."""
    found = report.simulation
    start, end, history = found.started_at, found.now, found.history
    times = [start + at * (end - start) // (_COLUMNS - 1) for at in range(_COLUMNS)]
    visits = [history[_at(history, time)] for time in times]
    merged = len(history) > _COLUMNS // 4
    states = [_name(visit.state, merged=merged) for visit in visits]
    names = [state.text for state in RunState]
    ends = ("0s", format_duration(end - start))
    curves = [
        Curve("Step", [float(visit.step) for visit in visits], *ends),
        Curve("Clients of the epoch", [float(visit.clients) for visit in visits], *ends),
    ]
    if any(epoch.paid for epoch in found.epochs):
        scale = 10**report.setting.funding.decimals
        curves.append(Curve("Rewards paid", [paid / scale for paid in _paid(report, times)], *ends))
    return svg_plot([Timeline("State", states, names, *ends), *curves], title=title, description=description)


def _name(state: RunState, *, merged: bool) -> str:
    return RunState.ROUND_TRAIN.text if merged and state in _TRAINING else state.text


def _at(history: History, time: int) -> int:
    """The index of the state at a time."""
    return max(bisect.bisect_right(history, time, key=attrgetter("start")) - 1, 0)


def _paid(report: Report, times: Sequence[int]) -> list[int]:
    """The rewards paid until each time, in base units."""
    epochs, found, total, at = report.simulation.epochs, [], 0, 0
    for time in times:
        while at < len(epochs) and epochs[at].ended_at <= time:
            total += epochs[at].paid
            at += 1
        found.append(total)
    return found
