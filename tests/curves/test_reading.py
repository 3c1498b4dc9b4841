"""Curves of runs whose values are known."""

from __future__ import annotations

import numpy
import pytest

from psyche_cli.curves.reading import CurveReader, read
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from tests.curves.reported import ReportedRun
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
        assert [point.value for point in curves["members"]][:3] == [0, 7, 0]
        assert ("vault" in curves) == (one.number == 3)
        assert {who.reports for who in found.tallies.values()} == {5}
    assert [point.value for point in curves["earned"]][:2] == [0, 98]
    assert [point.value for point in curves["vault"]] == [0, 10**6, 10**6]  # until the end of the history


def test_liars_do_not_bend_a_curve(reported: ReportedRun, reading: Reading) -> None:
    found = read_all(reported, reading)
    [loss] = found.curves(["loss"])
    assert [point[:1] + point[2:] for point in loss.points] == [
        (1, 4.25, 4.0, 4.5, 5),
        (2, 3.375, 3.0, 3.5, 4),
        (3, None, None, None, 2),
        (4, 2.0, 2.0, 2.0, 3),
        (5, 1.5, 1.5, 1.5, 2),
    ]
    assert (loss.not_finite, loss.far) == (4, 3)
    wallets = [str(member.address) for member in reported.members]
    tallies = [found.tallies[wallet] for wallet in wallets]
    assert [one.reports for one in tallies] == [5, 5, 4, 3, 3]
    assert [one.not_finite for one in tallies] == [1 + 1, 1 + 1, 2 + 1, 0, 0]
    assert [one.far for one in tallies] == [0, 0, 0, 1, 2]
    assert [one.other_step for one in tallies] == [1, 1, 1, 0, 0]  # whatever they say, it was step 4
    assert found.problems == 0


def test_names_of_evaluations_are_printable(reported: ReportedRun, reading: Reading) -> None:
    curves = read_all(reported, reading).curves(["evals"])
    assert [curve.kind.name for curve in curves] == ["mmlu", "\N{REPLACEMENT CHARACTER}[2J<b>$x$"]
    assert [[point.value for point in curve.points] for curve in curves] == [[0.5], [None]]
    assert [curve.not_finite for curve in curves] == [0, 3]


def test_a_reader_continues_where_it_was(reported: ReportedRun, reading: Reading) -> None:
    reader = reading(reported)
    reader.sync(reported.transport())
    [incarnation] = reader.history.incarnations()
    whole = read(reader.history, incarnation, PUBLISHED)
    parts = CurveReader(reader.history, incarnation, PUBLISHED)
    for one in reader.history.transactions():
        parts.advance(one.place)
        assert parts.place == one.place
    parts.advance()
    as_lists = [[curve._replace(points=[*curve.points]) for curve in one.curves()] for one in (whole, parts)]
    assert as_lists[0] == as_lists[1]


def test_steps_that_are_trained_again_replace_the_earlier_ones(reading: Reading) -> None:
    run = ReportedRun()
    run.create()
    run.resume()
    run.begin_training(3)
    for loss in (5.0, 4.0, 3.0):
        run.losses(loss, loss, loss)
    run.pause()
    while run.losses(2.0, 2.0, 2.0) != RunState.COOLDOWN:
        pass
    run.end_cooldown()
    assert run.stage == RunState.PAUSED
    steps = run.account.step - 1
    progress = {**run.state.progress, "step": 2}
    run.update(progress=progress)
    run.resume()
    run.begin_training(3)
    run.losses(3.5, 3.5, 3.5)
    found = read_all(run, reading)
    [curve, rate] = found.curves(["loss", "lr"])
    assert [(point.step, point.value) for point in curve.points] == [(1, 5.0), (2, 3.5)]
    assert [point.step for point in rate.points] == [1, 2]
    assert found.removed == steps - 1


def read_all(run: ReportedRun, reading: Reading) -> CurveReader:
    reader = reading(run)
    reader.sync(run.transport())
    return read(reader.history, reader.history.incarnations()[-1], PUBLISHED)
