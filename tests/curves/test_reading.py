"""Curves of runs whose values are known."""

from __future__ import annotations

import numpy
import pytest

from psyche_cli.curves.reading import read
from psyche_cli.protocol.programs import PUBLISHED
from tests.history.conftest import Reading
from tests.history.story import StillStory


def test_curves_of_every_incarnation(told: StillStory, reading: Reading) -> None:
    reader = reading(told)
    reader.sync(told.transport())
    incarnations = reader.history.incarnations()
    assert len(incarnations) == 3
    for one in incarnations:
        found = read(reader.history, one, PUBLISHED)
        curves = {curve.kind.name: curve.points for curve in found.curves()}
        assert (found.problems, found.removed, found.more_evaluations) == (0, 0, 0)
        steps = [point.step for point in curves["loss"]]
        assert steps == [1, 2, 3, 4, 5]
        # What the simulated members report, in the 32 bits of the instruction.
        expected = [float(numpy.float32(10.0 / (1.0 + step) ** 0.5)) for step in steps]
        assert [point.value for point in curves["loss"]] == [point.low for point in curves["loss"]] == expected
        assert {point.witnesses for point in curves["loss"]} == {4}
        assert {point.value for point in curves["tokens_per_second"]} == {1000.0}
        assert [point.value for point in curves["witnesses"]] == [4] * 5
        assert [point.value for point in curves["learning_rate"]] == pytest.approx([1.5e-5 * step for step in steps])
        assert [point.value for point in curves["members"]] == [0, 7, 0]
        assert ("vault" in curves) == (one.number == 3)
        assert {who.reports for who in found.tallies.values()} == {5}
    assert [point.value for point in curves["earned"]] == [0, 98]
    assert [point.value for point in curves["vault"]] == [0, 10**6]
