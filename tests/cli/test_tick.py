"""Ticking a run that has no clients to tick it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import MINIMAL, House
from tests.cli.test_refusals import refused
from tests.support.clocks import FastClock

TICK = ("tick", "--run-id", "test")
ONCE = (*TICK, "--count", "1")


def waiting(house: House, *, joined: bool = True) -> None:
    house.run()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    if joined:
        house.join(house.stranger)


def warp(house: House, seconds: float) -> None:
    house.cli.json("localnet", "warp", round(seconds))


def test_each_state_ends_when_its_time_is_up(house: House) -> None:
    waiting(house)
    assert "due in" in needless(house, *ONCE, due=(1, 2))
    for seconds, state in (
        (2, "Warmup"),
        (10, "Training"),
        (10, "Witness"),
        (2, "Cooldown"),
        (5, "Waiting for members"),
    ):
        warp(house, seconds)
        sent = house.chain.sent
        data = house.cli.json(*ONCE)
        assert (data["state"], data["ticks"], data["looks"], data["already_so"]) == (state, 1, 1, False)
        assert house.chain.sent == sent + 1
    status = house.dump()["coordinator_account"]["status"]
    assert (data["epoch"], data["step"]) == (status["epoch"], status["step"]) == (1, 2)


@pytest.mark.parametrize("state", [state for state in RunState if state.is_halted])
def test_a_halted_run_needs_no_tick(house: House, state: RunState) -> None:
    house.run()
    house.enter(state)
    outcome = needless(house, *TICK)  # stops without --count
    assert state.text in outcome
    assert "owner" in outcome


def test_a_run_without_enough_members_needs_no_tick(house: House) -> None:
    waiting(house, joined=False)
    warp(house, 60)
    summary = needless(house, *ONCE)
    assert "0 of 1 have joined" in summary


def test_a_tick_that_is_not_due_is_not_sent(house: House) -> None:
    waiting(house)
    warp(house, 2)
    house.cli.json(*ONCE)
    warp(house, 4)
    assert "it is Warmup" in needless(house, *ONCE, due=(5, 6))


def needless(house: House, *words: object, due: tuple[int | None, ...] = (None,)) -> str:
    """The summary of a tick that is not sent."""
    sent = house.chain.sent
    outcome = house.cli(*words, "--output", "json")
    assert outcome.data["already_so"] is True
    assert outcome.data["due_in_seconds"] in due
    assert outcome.json["transactions"] == []
    assert house.chain.sent == sent
    summary: str = outcome.json["summary"]
    assert "needs no tick" in summary
    return summary


def test_it_checks_at_every_interval_and_ticks_when_due(house: House) -> None:
    waiting(house)
    clock = FastClock(lambda seconds: warp(house, seconds))
    data = replace(house.cli, clock=clock).json(*TICK, "--interval", "6s", "--count", "4")
    assert clock.sleeps == [6.0] * 3
    assert (data["looks"], data["ticks"], data["state"]) == (4, 2, "Training")


def test_an_unlimited_loop_stops_when_the_run_halts(house: House) -> None:
    waiting(house)

    def pause(_: float) -> None:
        house.cli.json("set-paused", "--run-id", "test")

    outcome = replace(house.cli, clock=FastClock(pause))(*TICK, "--ms-interval", "250", "--output", "json")
    assert outcome.data["state"] == "Paused"
    assert outcome.data["looks"] == 2
    assert outcome.stderr.count("No tick is due") == 1  # the summary gives the last reason


@pytest.mark.parametrize("count", [(), ("--count", "1"), ("--count", "5")])
def test_why_a_halted_run_needs_no_tick_is_said_once(house: House, count: tuple[str, ...]) -> None:
    house.run()
    outcome = house.cli(*TICK, *count)
    assert (outcome.stdout + outcome.stderr).count("only its owner can change") == 1
    assert "No tick is due" not in outcome.stderr


def test_a_run_with_a_custom_treasurer_index_needs_no_option(house: House) -> None:
    mint = house.new_mint()
    house.cli.json("create-run", "--run-id", "test", "--treasurer-collateral-mint", mint, "--treasurer-index", "7")
    house.cli.json("update-config", "--run-id", "test", "--treasurer-index", "7", "--config-path", MINIMAL)
    house.cli.json("set-paused", "--run-id", "test", "--treasurer-index", "7", "--resume")
    house.join(house.stranger)
    warp(house, 2)
    assert house.cli.json(*ONCE)["state"] == "Warmup"


def test_an_interruption_reports_what_landed(house: House) -> None:
    waiting(house)
    warp(house, 2)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    outcome = replace(house.cli, clock=FastClock(interrupt))(*TICK, "--output", "json")
    assert outcome.code is ExitCode.INTERRUPTED
    context = outcome.json["error"]["context"]
    assert context["sent"] is True
    assert context["landed"] == [context["signature"]]


def test_it_can_exceed_the_time_limit_of_one_transaction(house: House) -> None:
    waiting(house, joined=False)
    data = replace(house.cli, clock=FastClock(lambda _: None)).json(*TICK, "--interval", "1h", "--count", "3")
    assert data["looks"] == 3


def test_a_run_closed_during_the_loop(house: House) -> None:
    waiting(house, joined=False)

    def close(_: float) -> None:
        house.cli.json("set-paused", "--run-id", "test")
        house.cli.json("close-run", "--run-id", "test", "--yes")

    outcome = replace(house.cli, clock=FastClock(close))(*TICK, "--output", "json")
    assert outcome.code is ExitCode.NOT_FOUND


@pytest.mark.parametrize(
    "words", [("--count", "0"), ("--interval", "0"), ("--ms-interval", "0"), ("--interval", "1s", "--ms-interval", "9")]
)
def test_invalid_options(house: House, words: tuple[str, ...]) -> None:
    house.run()
    refused(house, ExitCode.USAGE, *TICK, *words)
    refused(house, ExitCode.NOT_FOUND, "tick", "--run-id", "other", "--count", "1")
