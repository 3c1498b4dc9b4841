"""What ``watch`` prints in every state, and for a run that is followed through two epochs and a pause."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from tests.cli.conftest import House
from tests.cli.harness import Outcome
from tests.cli.test_walk import ROWS, Row, identity
from tests.cli.test_walk_views import RUN, state_of
from tests.support.clocks import FastClock
from tests.support.run_driver import CONFIG, RunDriver


def watch(house: House, *words: object, steps: list[Callable[[], object]]) -> Outcome:
    """``watch``; at each of its sleeps, the next of ``steps`` happens."""
    left: Iterator[Any] = iter(steps)
    clock = FastClock(lambda _: next(left, lambda: None)())
    return replace(house.cli, clock=clock)("watch", *RUN, *words, "--timeout", "10m")


def events_of(outcome: Outcome) -> list[Any]:
    return [json.loads(line) for line in outcome.stdout.splitlines() if "event" in json.loads(line)]


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_transition_is_watched(still_house: House, row: Row) -> None:
    run = still_house.driver().create({**CONFIG, **row.config})
    row.prepare(run)
    since = run.account.run_state_start_timestamp

    def happen() -> None:
        run.wait(row.seconds)
        row.perform(run)

    until = ("--until", row.target) if row.target not in (None, row.source) else ()
    outcome = watch(still_house, *until, steps=[happen])
    first, *others = events_of(outcome)
    shown = first["run"]
    assert (first["event"], shown["state"]) == ("observed", state_of(row.source).text)
    assert shown["since"] == (None if since == 0 else since)
    changes = [(one["before"], one["after"], one["direct"]) for one in others if one["event"] == "transition"]
    assert outcome.code is ExitCode.OK
    if row.target in (None, row.source):
        assert [one["event"] for one in others] == ["closed" if row.target is None else "pause_requested"]
    else:
        assert changes == [(state_of(row.source).text, state_of(row.target).text, True)]
        assert {one["time"] for one in others} == {run.now}
    nonces = [one["nonce"] for one in others]
    assert nonces == sorted(nonces)


def test_two_epochs_and_a_pause_are_watched(still_house: House) -> None:
    """All of it happens in a few sleeps of the command: every transition between them is reported, once, in order."""
    run: RunDriver = still_house.driver().create()

    def first_epoch() -> None:
        run.start_training(0, 1, 2)
        run.play_round()
        run.play_to_cooldown()

    def second_epoch() -> None:
        run.end_cooldown()
        run.start_training(2, 3, 0)
        run.pause()

    def ending() -> None:
        run.play_round()
        run.end_cooldown()

    outcome = watch(still_house, "--until", "Paused", steps=[run.resume, first_epoch, second_epoch, ending])
    assert outcome.code is ExitCode.OK
    events = events_of(outcome)
    transitions = [one for one in events if one["event"] == "transition"]
    names = ["Uninitialized", "Waiting for members", "Warmup"]
    names += ["Training", "Witness"] * 4 + ["Cooldown", "Waiting for members", "Warmup", "Training", "Witness"]
    names += ["Cooldown", "Paused"]
    assert [one["before"] for one in transitions] == names[:-1]
    assert [one["after"] for one in transitions] == names[1:]
    assert all(one["direct"] for one in transitions)
    assert [one["step"] for one in events if one["event"] == "step"] == [2, 3, 4, 5, 6]
    assert [one["epoch"] for one in events if one["event"] == "epoch_ended"] == [0, 1]
    assert [one["event"] for one in events].count("joined") == 6
    nonces = [one["nonce"] for one in events[1:]]
    assert nonces == sorted(nonces)
