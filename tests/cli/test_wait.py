"""Waiting for a run, on the real local validator: what is waited for happens while the command sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode, TimedOut
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.run_states import RunState
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import Outcome, address_of, environment_of
from tests.cli.schema_check import check_output
from tests.support.clocks import FastClock
from tests.support.run_driver import RunDriver

WAIT = ("wait", "--run-id", "test")


def wait(house: House, *words: object, steps: Iterator[Any] | None = None) -> Outcome:
    """Run the command; at each of its sleeps, the next of ``steps`` happens."""
    nothing: Iterator[Any] = iter(())
    clock = FastClock(lambda _: next(steps or nothing, None))
    limit = () if "--timeout" in words else ("--timeout", "1h")
    return replace(house.cli, clock=clock)(*WAIT, *words, *limit, "--output", "json")


def happening(*steps: Callable[[], object]) -> Iterator[object]:
    return (step() for step in steps)


@pytest.mark.parametrize("states", ["WaitingForMembers", "waiting for members", "Paused,WAITINGFORMEMBERS"])
def test_what_is_already_so(still_house: House, waiting_run: RunDriver, states: str) -> None:
    data = wait(still_house, "--for", states).data
    assert (data["already_so"], data["waited_seconds"], data["state"]) == (True, 0, "Waiting for members")
    assert (data["time"], data["step"], data["epoch"], data["members"]) == (waiting_run.now, 1, 0, 0)


def test_without_a_time_limit_the_time_waited_is_a_number(still_house: House, waiting_run: RunDriver) -> None:
    steps: Iterator[Any] = happening(lambda: None, waiting_run.pause)
    cli = replace(still_house.cli, clock=FastClock(lambda _: next(steps, None)))
    outcome = cli(*WAIT, "--for", "Paused", "--output", "json")
    check_output(WAIT, outcome.stdout)
    assert outcome.data["waited_seconds"] > 0
    assert "waited   0 seconds" in still_house.cli(*WAIT, "--for", "Paused").stdout


def test_the_states_of_the_hint_are_those_of_the_help(still_house: House) -> None:
    outcome = still_house.cli(*WAIT, "--for", "Nothing")
    assert outcome.code is ExitCode.USAGE
    assert "WaitingForMembers, Warmup, Training, Witness" in outcome.stderr


@pytest.mark.parametrize(("words", "expected"), [
    (("--for", "Warmup"), {"state": "Warmup", "members": 3}),
    (("--for", "Cooldown,Training"), {"state": "Training"}),
    (("--for", "Finished,Cooldown"), {"state": "Cooldown"}),
    (("--step", "2"), {"step": 2, "state": "Training"}),
    (("--epoch", "1"), {"epoch": 1, "state": "Waiting for members"}),
    (("--members", "2"), {"members": 2, "state": "Waiting for members"}),
    (("--members", "3"), {"members": 3}),
])  # fmt: skip
def test_what_happens_while_it_waits(
    still_house: House, waiting_run: RunDriver, words: tuple[str, ...], expected: dict[str, Any]
) -> None:
    steps = happening(
        lambda: None,
        lambda: waiting_run.join(0, 1),
        lambda: waiting_run.enter_warmup(2),
        lambda: waiting_run.wait(1),
        lambda: waiting_run.report_warmup(0, 1, 2),
        lambda: waiting_run.play_round(),
        lambda: waiting_run.play_to_cooldown(),
        lambda: waiting_run.end_cooldown(),
    )
    data = wait(still_house, *words, steps=steps).data
    assert {key: data[key] for key in expected} == expected
    assert data["already_so"] is False
    assert data["waited_seconds"] > 0


def test_a_time_limit(still_house: House, waiting_run: RunDriver) -> None:
    outcome = wait(still_house, "--for", "Warmup", "--timeout", "10m")
    assert outcome.code is ExitCode.NOT_REACHED
    error = outcome.json["error"]
    assert error["code"] == "not_reached"
    assert error["message"] == (
        "Run 'test' did not reach Warmup within 600 seconds: it is Waiting for members, at step 1."
    )
    assert error["context"] == {"run_id": "test", "state": "Waiting for members", "step": 1, "epoch": 0, "members": 0}


@pytest.mark.parametrize("good", [0, 1, 2, 3])
def test_the_time_limit_holds_if_the_endpoint_does_not_respond(
    still_house: House, waiting_run: RunDriver, good: int
) -> None:
    clock = FastClock(lambda _: None)
    environment = environment_of(replace(still_house.cli, clock=clock))
    silent = environment.replaced(open_transport=lambda url: Silent(environment.open_transport(url), clock, good))
    code = main([*WAIT, "--for", "Finished", "--timeout", "7"], silent)
    assert code is (ExitCode.NETWORK if good < 2 else ExitCode.NOT_REACHED)
    assert clock.now == 7


def test_a_run_that_does_not_appear_at_an_endpoint_that_is_lost(still_house: House) -> None:
    clock = FastClock(lambda _: None)
    environment = environment_of(replace(still_house.cli, clock=clock))
    silent = environment.replaced(open_transport=lambda url: Silent(environment.open_transport(url), clock, 1))
    code = main([*WAIT, "--for", "Finished", "--timeout", "50", "--may-appear"], silent)
    assert (code, clock.now) == (ExitCode.NOT_FOUND, 50)


class Silent:
    """A transport that responds to the first requests only."""

    label = "silent"

    def __init__(self, transport: Transport, clock: FastClock, good: int) -> None:
        self._transport, self._clock, self._left = transport, clock, good

    def send(self, body: bytes, *, timeout: float) -> bytes:
        self._left -= 1
        if self._left >= 0:
            return self._transport.send(body, timeout=timeout)
        self._clock.sleep(timeout)
        raise TimedOut("No response.", request_sent=True)

    def close(self) -> None:
        self._transport.close()


def test_what_is_reached_at_the_last_moment_counts(still_house: House, waiting_run: RunDriver) -> None:
    steps = happening(lambda: waiting_run.pause())
    assert wait(still_house, "--for", "Paused", "--timeout", "3", steps=steps).code is ExitCode.OK


@pytest.mark.parametrize(("words", "why"), [
    (("--step", "51"), "it ends at step 50 as configured"),
    (("--epoch", "50"), "it ends at epoch 49 at the latest, as configured"),
    (("--members", "17"), "at most 16 wallets can join it as configured"),
    (("--members", "257"), "at most 16 wallets can join it as configured"),
    (("--for", "Uninitialized"), "no sequence of states leads from Waiting for members to Uninitialized"),
])  # fmt: skip
def test_what_can_never_be_reached(
    still_house: House, waiting_run: RunDriver, words: tuple[str, ...], why: str
) -> None:
    outcome = wait(still_house, *words)
    assert outcome.code is ExitCode.NEVER
    assert outcome.json["error"]["code"] == "cannot_be_reached"
    assert outcome.json["error"]["message"].endswith(f": {why}.")


def test_a_run_that_finishes_or_is_closed_while_it_waits(still_house: House, waiting_run: RunDriver) -> None:
    steps = happening(lambda: still_house.enter(RunState.FINISHED))
    outcome = wait(still_house, "--members", "1", steps=steps)
    assert outcome.code is ExitCode.NEVER
    assert "it is Finished" in outcome.json["error"]["message"]

    owner, instance = address_of(still_house.owner), still_house.instance()
    group = {"instance": instance.address, "account": instance.coordinator_account}
    still_house.enter(RunState.PAUSED)
    closing = happening(
        lambda: still_house.send(Instructions().free_coordinator(authority=owner, spill=owner, **group))
    )
    outcome = wait(still_house, "--for", "Warmup", steps=closing)
    assert outcome.code is ExitCode.NEVER
    assert outcome.json["error"]["message"] == "Run 'test' was closed before it reached Warmup."
    assert outcome.json["error"]["context"]["state"] == "Paused"


def test_a_run_that_does_not_exist_yet(house: House) -> None:
    assert wait(house, "--step", "0").code is ExitCode.NOT_FOUND
    late = wait(house, "--step", "0", "--may-appear", "--timeout", "5")
    assert late.code is ExitCode.NOT_FOUND
    assert "It did not appear within 5 seconds." in late.stderr
    steps = happening(lambda: None, lambda: house.run())
    assert wait(house, "--step", "0", "--may-appear", steps=steps).data["state"] == "Uninitialized"


@pytest.mark.parametrize("words", [
    (), ("--step", "1", "--epoch", "1"), ("--for", "Training", "--members", "1"), ("--for", "Resting"), ("--for", ""),
    ("--step", "-1"), ("--members", "0"), ("--step", "1", "--timeout", "0"), ("--step", "1", "--timeout", "31d"),
])  # fmt: skip
def test_invalid_options(house: House, words: tuple[str, ...]) -> None:
    outcome = wait(house, *words)
    assert outcome.code is ExitCode.USAGE
    assert house.chain.requests == []


def test_an_interruption(still_house: House, waiting_run: RunDriver) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    outcome = wait(still_house, "--for", "Warmup", steps=happening(interrupt))
    assert outcome.code is ExitCode.INTERRUPTED
    assert still_house.chain.sent == still_house.chain.requests.count("sendTransaction")
