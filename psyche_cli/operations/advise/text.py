"""Advice as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from psyche_cli.operations.advise.payloads import AdviceOnSettings, AdvisedSetting, CourseData, EffectData, FigureData
from psyche_cli.operations.status.diagnosis.finding import counted
from psyche_cli.operations.tables import text_table

_INDENT: Final = "  "
_UNITS: Final = {"s": " s", "percent": "%", "count": ""}
_SPREAD: Final = ("median", "p95", "maximum")
_HEADINGS: Final = ("", "in rounds", "steps/hour", "epochs/day", "dropped", "ended early")


def summary_of(data: AdviceOnSettings, name: str) -> str:
    """The advice in one sentence."""
    changes = sum(one.verdict == "change" for one in data.settings)
    facts = f"{counted(data.rounds, 'round')} in {counted(data.epochs, 'epoch')}"
    facts = f"a simulation of {facts}" if data.source == "simulation" else facts
    if all(one.verdict == "unknown" for one in data.settings):
        return f"{name}: too little evidence for advice, {facts}."
    unknown = sum(one.verdict == "unknown" for one in data.settings)
    rest = f"; {unknown} of {counted(len(data.settings), 'setting')} cannot be judged" if unknown > 0 else ""
    if changes == 0:
        return f"{name}: no change is advised, according to {facts}{rest}."
    return f"{name}: {counted(changes, 'setting')} should change, according to {facts}{rest}."


@dataclass(frozen=True)
class AdviceText:
    """The settings with reasons and evidence, the predicted effects, and the diff."""

    data: AdviceOnSettings

    def __call__(self, width: int, _utf8: bool) -> list[str]:
        """The lines for a terminal of ``width`` columns. Those of the diff are not broken."""
        lines = list[str]()
        for one in self.data.settings:
            lines += [*_setting(one, width), ""]
        for note in self.data.notes:
            lines += [*_wrapped(f"Note: {note}", width), ""]
        for effect in self.data.effects:
            lines += [*_effect(effect, width), ""]
        lines += self.data.diff.split("\n")
        while lines and not lines[-1]:
            lines.pop()
        return lines


def _setting(one: AdvisedSetting, width: int) -> Iterator[str]:
    verdict = {"keep": "keep", "unknown": "unknown"}.get(one.verdict, f"change to {one.advised}")
    yield f"{one.key} = {one.current}: {verdict}"
    yield from _wrapped(one.reason, width, _INDENT)
    figures = [*_figures(one.evidence)]
    if figures:
        yield from _wrapped(f"Evidence: {', '.join(figures)}.", width, _INDENT)


def _figures(found: Sequence[FigureData]) -> Iterator[str]:
    """The figures that are not zero; a median is followed by its percentile and maximum."""
    values = {one.name: one for one in found}
    for one in found:
        subject, _, kind = one.name.rpartition("_")
        if kind == "median" and f"{subject}_p95" in values:
            three = " / ".join(_number(values[f"{subject}_{which}"].value) for which in _SPREAD)
            yield f"{subject.replace('_', ' ')} after {three} s (median / p95 / maximum)"
        elif f"{subject}_p95" not in values and one.value != 0:
            yield f"{one.name.replace('_', ' ')} {_number(one.value)}{_UNITS[one.unit]}"


def _effect(effect: EffectData, width: int) -> Iterator[str]:
    yield from _wrapped(f"Predicted: {effect.scenario}", width)
    rows = [_HEADINGS, ("before", *_course(effect.before)), ("after", *_course(effect.after))]
    yield from (f"{_INDENT}{line}" for line in text_table(rows, left=1))


def _course(one: CourseData) -> tuple[str, ...]:
    if one.is_stuck:
        return ("stuck", "0", "0", _number(one.members_dropped), _number(one.epochs_ended_early))
    rest = (one.steps_per_hour, one.epochs_per_day, one.members_dropped, one.epochs_ended_early)
    return (f"{_number(one.share_in_rounds)}%", *map(_number, rest))


def _number(value: float) -> str:
    """A number with at most two decimal places."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _wrapped(text: str, width: int, indent: str = "") -> Sequence[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
