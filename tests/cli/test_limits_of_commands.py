"""``--commitment`` and ``--timeout``: what is requested, when commands end, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode, TimedOut
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, Outcome, address_of
from tests.support.clocks import FastClock
from tests.support.relays import Relay

LEDGER = {"getTransaction", "getSignaturesForAddress"}


class SilentNode(Relay):
    """A node that responds to the first ``answers`` requests and then never again. Time passes only while it is silent
    or the command sleeps."""

    def __init__(self, inner: Transport, answers: int, clock: FastClock) -> None:
        super().__init__(inner)
        self._answers, self._clock = answers, clock

    def send(self, body: bytes, *, timeout: float) -> bytes:
        self._answers -= 1
        if self._answers >= 0:
            return super().send(body, timeout=timeout)
        self._clock.now += timeout
        raise TimedOut("No answer.", endpoint=self.label, request_sent=True)


def silent(house: House, answers: int) -> tuple[CommandLine, FastClock]:
    clock = FastClock()
    cli = CommandLine(
        house.cli.home,
        lambda url: SilentNode(house.chain.transport(url), answers, clock),
        dict(house.cli.variables),
        clock,
    )
    return cli, clock


def commitments(house: House, home: Path, *words: object) -> tuple[dict[str, set[str]], Outcome]:
    """The commitments in the requests of a command, by method."""
    asked: dict[str, set[str]] = {}

    class Watched(Relay):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            request = json.loads(body)
            for one in request if isinstance(request, list) else [request]:
                for part in one["params"]:
                    if isinstance(part, dict) and "commitment" in part:
                        asked.setdefault(one["method"], set()).add(part["commitment"])
            return super().send(body, timeout=timeout)

    cli = CommandLine(home, lambda url: Watched(house.chain.transport(url)), dict(house.cli.variables))
    return asked, cli(*words)


@pytest.mark.parametrize("level", ["processed", "confirmed", "finalized"])
def test_a_command_that_looks_takes_each_commitment(house: House, tmp_path: Path, level: str) -> None:
    run = ("--run-id", house.run())
    looks: list[tuple[Any, ...]] = [
        ("json-dump-run", *run),
        ("list-runs",),
        ("cost", *run),
        ("explain", *run),
        ("members", *run),
        ("can-join", *run, "--address", address_of(house.owner)),
        ("balance",),
    ]
    for words in looks:
        asked, outcome = commitments(house, tmp_path, *words, "--commitment", level)
        assert outcome.code in (ExitCode.OK, ExitCode.NO), outcome.stderr
        assert not outcome.is_internal_error
        assert asked
        for method, found in asked.items():
            # The ledger has no block below confirmed.
            assert found == {"confirmed" if method in LEDGER and level == "processed" else level}


def test_a_command_that_sends_relies_on_the_commitment_in_each_step(house: House, tmp_path: Path) -> None:
    words = ("set-future-epoch-rates", "--run-id", house.run(), "--earning-rate", "6")
    asked, outcome = commitments(house, tmp_path, *words, "--commitment", "finalized")
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert {"getMultipleAccounts", "simulateTransaction", "getTransaction"} <= asked.keys()
    assert set().union(*asked.values()) == {"finalized"}


SENDING: list[tuple[Any, ...]] = [
    ("set-paused", "--run-id", "test"),
    ("create-run", "--run-id", "test"),
    ("tick", "--run-id", "test"),
    ("join-authorization-create", "--permissionless"),
    ("airdrop", "1"),
    ("tx", "resume"),
    ("tx", "forget", "1" * 64),
]


@pytest.mark.parametrize("words", SENDING, ids=lambda words: words[0])
def test_a_command_that_sends_or_settles_refuses_processed(house: House, words: tuple[str, ...]) -> None:
    outcome = house.cli(*words, "--commitment", "processed")
    assert outcome.code is ExitCode.USAGE
    assert "--commitment processed is only for commands that send nothing" in outcome.stderr
    assert house.chain.requests == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "--timeout must be greater than zero."),
        ("2h", "--timeout is too long: 2h is 7200 seconds, but the maximum is 3600."),
        ("soon", "--timeout is not a valid duration: 'soon'."),
    ],
)
def test_an_invalid_time_limit_is_refused_offline(house: House, text: str, message: str) -> None:
    for words in (("list-runs",), ("set-paused", "--run-id", "test")):
        outcome = house.cli(*words, "--timeout", text)
        assert outcome.code is ExitCode.USAGE
        assert message in outcome.stderr
    assert house.chain.requests == []


def test_a_command_that_looks_ends_at_its_time_limit(house: House) -> None:
    run = ("--run-id", house.run())
    cli, clock = silent(house, answers=1)
    outcome = cli("json-dump-run", *run, "--timeout", "7", "--output", "json")
    assert outcome.code is ExitCode.NETWORK
    assert clock.now == 7
    cli, clock = silent(house, answers=0)
    assert cli("json-dump-run", *run).code is ExitCode.NETWORK
    assert clock.now > 15


def test_a_command_that_sends_ends_at_its_time_limit_and_says_that_the_outcome_is_unknown(house: House) -> None:
    run = ("--run-id", house.run())
    cli, clock = silent(house, answers=4)
    words = ("set-future-epoch-rates", *run, "--earning-rate", "6", "--timeout", "20s", "--output", "json")
    outcome = cli(*words)
    assert outcome.code is ExitCode.UNKNOWN
    error = outcome.json["error"]
    assert "within 20 seconds" in error["message"]
    assert error["context"]["sent"] is True
    assert clock.now <= 20


def test_a_time_limit_that_is_nearly_over_sends_nothing(house: House) -> None:
    run = ("--run-id", house.run())
    before = house.chain.sent
    cli, clock = silent(house, answers=2)
    outcome = cli("set-future-epoch-rates", *run, "--earning-rate", "6", "--timeout", "5", "--output", "json")
    assert outcome.code is ExitCode.NETWORK
    assert outcome.json["error"]["context"]["sent"] is False
    assert house.chain.sent == before
    assert clock.now <= 5


def test_several_transactions_share_the_time_limit(house: House) -> None:
    path = house.chain.home / "keys.csv"
    path.write_text("".join(f"{Pubkey.new_unique()}\n" for _ in range(30)))
    cli, clock = silent(house, answers=4)
    words = ("join-authorization-create", "--from", path, "--timeout", "30")
    assert cli(*words).code is ExitCode.NETWORK
    assert clock.now <= 30


def test_a_tick_loop_ends_at_its_time_limit_even_while_it_waits(house: House) -> None:
    run = ("--run-id", house.run())
    house.cli.json("set-paused", *run, "--resume")
    cli, clock = silent(house, answers=100)
    outcome = cli("tick", *run, "--interval", "10m", "--timeout", "1m")
    assert outcome.code is ExitCode.NETWORK
    assert "The command's time limit of 60 seconds expired" in outcome.stderr
    assert clock.now == 60


def test_an_airdrop_waits_as_long_as_it_is_told(house: House) -> None:
    cli, clock = silent(house, answers=1)
    outcome = cli("airdrop", "1", "--timeout", "9", "--output", "json")
    assert outcome.code is ExitCode.UNKNOWN
    assert "did not land within 9 seconds" in outcome.json["error"]["message"]
    assert clock.now == 9


def test_resuming_ends_at_its_time_limit(house: House) -> None:
    run = ("--run-id", house.run())
    cli, _ = silent(house, answers=4)
    words = ("set-future-epoch-rates", *run, "--earning-rate", "6", "--timeout", "10")
    assert cli(*words).code is ExitCode.UNKNOWN
    cli, clock = silent(house, answers=1)
    outcome = cli("tx", "resume", "--timeout", "12", "--output", "json")
    assert outcome.code is ExitCode.UNKNOWN
    assert "within 12 seconds" in outcome.json["error"]["message"]
    assert clock.now <= 12
