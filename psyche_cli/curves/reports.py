"""What witnesses reported about the training, collected round by round."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median
from typing import Final

from psyche_cli.curves.curve import KINDS, Curve, Kind, evaluation
from psyche_cli.curves.middle import middle_of
from psyche_cli.curves.points import Point, StepPoints
from psyche_cli.history.witness_metadata import WitnessMetadata
from psyche_cli.printable import printable

MOST_EVALUATIONS: Final = 64
"""Evaluations that have curves: those about which most was reported. Members choose their names."""

_WIDTHS: Final = 31
"""Latest rounds whose spread is compared with the distance of a value."""


class Tally:
    """How many reports came from a wallet, and what was wrong with them."""

    def __init__(self) -> None:
        self.reports = 0
        self.other_step = 0
        """Reports that name another step than that of their round."""
        self.repeated = 0
        """Reports that were left out because the wallet had reported the round before."""
        self.not_finite = 0
        """Values that are NaN or infinite."""
        self.far = 0
        """Values that lie far from those of the other witnesses of the round."""


class _Series:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.points = StepPoints()
        self.reported = 0
        self.not_finite = 0
        self.far = 0
        self.widths: deque[float] = deque(maxlen=_WIDTHS)


class Reports:
    """The reports of all rounds that have ended. ``tallies`` are by wallets, in base58."""

    def __init__(self) -> None:
        self.tallies: dict[str, Tally] = {}
        self.more_evaluations = 0
        """Evaluations that were left out because there are too many."""
        self._series: dict[str, _Series] = {name: _Series(KINDS[name]) for name in _FIGURES}
        self._evaluations: dict[str, _Series] = {}
        self._round: dict[str, WitnessMetadata] = {}

    def add(self, wallet: str, metadata: WitnessMetadata, step: int) -> None:
        """Add a report about the round in progress, whose step is ``step``."""
        tally = self.tallies.setdefault(wallet, Tally())
        if wallet in self._round:
            tally.repeated += 1
            return
        tally.reports += 1
        tally.other_step += metadata.step != step
        self._round[wallet] = metadata

    def close(self, step: int, time: int | None) -> None:
        """The round of a step has ended: add the points of its reports."""
        reports, self._round = self._round, {}
        for name, field in _FIGURES.items():
            self._close(self._series[name], step, time, {who: getattr(one, field) for who, one in reports.items()})
        evaluations: dict[str, dict[str, float]] = {}
        for who, one in reports.items():
            for name, value in one.evals:
                evaluations.setdefault(printable(name), {}).setdefault(who, value)
        for name, values in evaluations.items():
            self._close(self._evaluation(name), step, time, values)

    def remove_from(self, step: int) -> None:
        """Remove the points of a step and of later ones."""
        for one in (*self._series.values(), *self._evaluations.values()):
            one.points.remove_from(step)

    def curves(self) -> Iterator[Curve]:
        """All curves."""
        evaluations = [self._evaluations[name] for name in sorted(self._evaluations)]
        for one in (*self._series.values(), *evaluations):
            yield Curve(one.kind, one.points, one.not_finite, one.far)

    def _evaluation(self, name: str) -> _Series:
        found = self._evaluations.get(name)
        if found is None:
            if len(self._evaluations) == MOST_EVALUATIONS:
                self.more_evaluations += 1
                del self._evaluations[min(self._evaluations, key=lambda other: self._evaluations[other].reported)]
            found = self._evaluations[name] = _Series(evaluation(name))
        return found

    def _close(self, series: _Series, step: int, time: int | None, values: dict[str, float]) -> None:
        if not values:
            return
        series.reported += len(values)
        dropped = {who for who, value in values.items() if not math.isfinite(value)}
        middle = middle_of([*values.values()])
        for who in dropped:
            self.tallies[who].not_finite += 1
        series.not_finite += len(dropped)
        if middle is None:
            series.points.add(Point(step, time, None, witnesses=len(values) - len(dropped)))
            return
        series.widths.append(middle.width)
        usual = median(series.widths)
        far = [who for who, value in values.items() if who not in dropped and middle.is_far(value, usual)]
        for who in far:
            self.tallies[who].far += 1
        series.far += len(far)
        series.points.add(
            Point(step, time, middle.value, middle.low, middle.high, witnesses=len(values) - len(dropped))
        )


_FIGURES: Final = {"loss": "loss", "tokens_per_second": "tokens_per_sec", "bandwidth": "bandwidth_per_sec"}
"""The curves of what every witness reports, and the fields of its metadata."""
