"""``schedule --follow``: what outlives which errors, and how much is reported."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import ExitCode, ScheduleRunning, Unreachable
from psyche_cli.operations.schedule.acts import Acts, acts_file
from psyche_cli.operations.schedule.lock import sole
from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import CommandLine, address_of
from tests.cli.test_schedule import PAUSE, RUN, TICK, TOKEN, TOP_UP, Jumping, amounts, folder_of, paying, vault_balance
from tests.cli.test_tick import warp
from tests.support.relays import Relay
from tests.support.run_driver import RunDriver

__all__ = ["paying"]  # the fixture
FOLLOW = ("--follow", "--interval", "1h", "--output", "json")
HOUR = 3600


class Breakable(Relay):
    """A connection that is lost while ``broken[0]`` is set, to the message of the error."""

    broken: list[str]

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if self.broken[0]:
            raise Unreachable(self.broken[0], hint="Check the endpoint.")
        return self.inner.send(body, timeout=timeout)


def following(house: House, at_check: Callable[[int], str]) -> CommandLine:
    """A command line on which time passes between checks. ``at_check`` returns the error of the check of a number."""
    broken = [""]
    checks = [0]

    def sleep(seconds: float) -> None:
        if seconds < 60:
            return  # between attempts of a request
        checks[0] += 1
        broken[0] = ""
        warp(house, seconds)
        broken[0] = at_check(checks[0])

    def connect(url: str) -> Breakable:
        line = Breakable(house.chain.transport(url))
        line.broken = broken
        return line

    return replace(house.cli, clock=Jumping(sleep, chance=random.Random(1)), open_transport=connect)


def test_a_followed_pause_ends_when_it_has_paused(waiting_run: RunDriver, still_house: House) -> None:
    cli = following(still_house, lambda _: "")
    outcome = cli(*PAUSE, str(waiting_run.now + 3 * HOUR + 100), *FOLLOW)
    assert (outcome.data["checks"], outcome.data["state"]) == (5, "Paused")
    assert outcome.stderr.count("Waiting for ") == 1, "the countdown alone is no news"


def test_a_followed_top_up_outlives_a_lost_connection_and_keeps_the_limit(paying: House) -> None:
    """It follows for three days, and ends when the run is Finished and everything owed is in the vault."""

    def at_check(number: int) -> str:
        if number == 72:
            paying.enter(RunState.FINISHED)
        return "The endpoint cannot be reached." if number % 5 == 0 and number < 72 else ""

    outcome = following(paying, at_check)(*TOP_UP, *FOLLOW)
    assert (outcome.data["outcome"], outcome.data["waits_for"]) == ("done", None)
    assert sum(amounts(outcome.data)) == vault_balance(paying) == 91_500_000
    assert outcome.data["checks"] == 73
    assert paying.cli.json("tx", "list")["transactions"] == []


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_errors_are_reported_once_an_hour_as_errors(paying: House, quiet: tuple[str, ...]) -> None:
    """An endpoint that is down for hours; each check would report the same."""

    def at_check(number: int) -> str:
        if number == 301:
            paying.enter(RunState.FINISHED)
        return f"The endpoint cannot be reached, try {number}." if 60 <= number < 300 else ""

    cli = following(paying, at_check)
    rate = ("set-future-epoch-rates", *RUN, "--earning-rate", "0")
    paying.cli.json(*rate)
    outcome = cli(*TOP_UP, "--follow", "--interval", "1m", "--output", "json", *quiet)
    assert (outcome.data["outcome"], outcome.data["checks"]) == ("ended", 302)
    assert 4 <= outcome.stderr.count("Error: The endpoint cannot be reached") <= 5, "attempts take time as well"
    assert 4 <= outcome.stderr.count("Hint: Check the endpoint. The next check is in 1m.") <= 5
    assert outcome.stderr.count("Waiting for ") == (0 if quiet else 2), "again once it is reached"


def test_warnings_are_reported_once_an_hour(paying: House) -> None:
    def at_check(number: int) -> str:
        if number == 119:
            paying.enter(RunState.FINISHED)
        return ""

    outcome = following(paying, at_check)(*TOP_UP, "--follow", "--interval", "1m", "--output", "json")
    assert outcome.data["checks"] == 120
    assert outcome.stderr.count("Warning: --per-day 45 is less than members earn") == 2
    assert len(outcome.stderr.splitlines()) < 40


def give_tokens(house: House, mint: Pubkey) -> None:
    """Create the token account of the stranger, with 40 tokens."""
    run, stranger = house.driver(), address_of(house.stranger)
    run.send(
        run.owner,
        run.build.create_associated_token_account(payer=run.owner.address, owner=stranger, mint=mint),
        run.build.mint_tokens(
            authority=run.owner.address,
            mint=mint,
            destination=associated_token_address(stranger, mint),
            amount=40 * TOKEN,
            decimals=6,
        ),
    )


def test_a_wallet_without_tokens_is_waited_for(paying: House) -> None:
    """Also without a token account, which is created when it receives something."""
    mint = Pubkey.from_string(paying.cli.json("rewards", "list", *RUN)["collateral_mint"])
    assert paying.cli(*TOP_UP, "-w", paying.stranger).code is ExitCode.REFUSED

    def at_check(number: int) -> str:
        if number == 2:
            give_tokens(paying, mint)
        if number == 4:
            paying.enter(RunState.FINISHED)
        return ""

    outcome = following(paying, at_check)(*TOP_UP, *FOLLOW, "-w", paying.stranger)
    assert amounts(outcome.data) == [20 * TOKEN, 20 * TOKEN]
    assert outcome.stderr.count("Error: The wallet ") == 2


def test_a_followed_command_ends_at_its_time_limit(waiting_run: RunDriver, still_house: House) -> None:
    outcome = following(still_house, lambda _: "")(
        *TICK, "--follow", "--interval", "10m", "--timeout", "25m", "--output", "json"
    )
    assert outcome.code is ExitCode.NETWORK
    assert outcome.json["error"]["code"] == "timed_out"
    assert "time limit of 1500 seconds" in outcome.json["error"]["message"]


def test_each_moment_is_followed_by_itself(waiting_run: RunDriver, still_house: House) -> None:
    with sole(folder_of(still_house), "schedule pause --at step:9", "test") as is_free:
        assert is_free
        assert still_house.cli.json(*PAUSE, "step:9")["outcome"] == "busy"
        assert still_house.cli.json(*PAUSE, "step:8")["outcome"] == "waiting"
        assert still_house.cli.json(*PAUSE, "step:1")["outcome"] == "done"
        refused = still_house.cli(*PAUSE, "step:9", *FOLLOW)
        assert refused.json["error"]["code"] == "schedule_running"


def test_an_endpoint_that_is_behind_the_last_transfer_is_explained(paying: House) -> None:
    """It lags, or it is another local validator with the same genesis, which has begun again."""
    paying.cli.json(*TOP_UP)
    with acts_file(folder_of(paying)) as file, file.writing() as connection:
        connection.execute("UPDATE acts SET slot = slot + 1000")
    outcome = replace(paying.cli, clock=Jumping(chance=random.Random(1)))(*TOP_UP, "--output", "json")
    record = folder_of(paying) / "schedule.sqlite3"
    assert outcome.code is ExitCode.NETWORK
    assert outcome.json["error"]["hint"].endswith(f"reset or restored, delete {record}.")
    assert "has not reached the slot in which an earlier transaction of this schedule landed" in outcome.stderr
    record.unlink()
    assert amounts(paying.cli.json(*TOP_UP)) == [20 * TOKEN]


def test_a_state_folder_that_cannot_be_written_transfers_nothing(paying: House, tmp_path: Path) -> None:
    """A record that cannot be made is an error before anything is sent."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file in place of a folder")
    full = tmp_path / "full"
    (full / "schedule.sqlite3").mkdir(parents=True)
    sent = paying.chain.sent
    for folder in (blocked, full):
        outcome = paying.cli(*TOP_UP, "--state-dir", folder, "--output", "json")
        assert outcome.json["error"]["code"] == "journal_error", outcome.stderr
    assert paying.chain.sent == sent


def test_removed_lock_files_let_nothing_be_paid_twice(paying: House) -> None:
    """Another process that holds no lock any more has begun a transfer: its record is enough."""
    genesis = str(paying.chain.rpc.genesis_hash())
    with acts_file(folder_of(paying)) as file:
        acts = Acts(file, genesis, "test", "top-up")
        begin: Any = {"subject": "", "amount": 20 * TOKEN, "reason": "", "cluster_time": paying.driver().now}
        acts.begin(**begin, signature=str(Signature.new_unique()), is_allowed=lambda _: True)
        with pytest.raises(ScheduleRunning):
            acts.begin(**begin, signature=str(Signature.new_unique()), is_allowed=lambda _: True)
        assert len(acts.all()) == 1
    assert paying.cli.json(*TOP_UP)["acts"] == []
