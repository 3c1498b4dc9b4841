"""``schedule`` on a local validator: each operation acts when its moment has come, and the limits hold."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.account import Account
from solders.signature import Signature

from psyche_cli.errors import ExitCode
from psyche_cli.limits import U64_MAX
from psyche_cli.operations.rewards.collateral import Obligations
from psyche_cli.operations.run_files.lock import applying
from psyche_cli.operations.schedule.acts import DAY, Acts, acts_file
from psyche_cli.operations.schedule.outcomes import LANDING_SECONDS
from psyche_cli.operations.schedule.transfer import Limits, Money
from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.killing import killed
from tests.cli.test_refusals import refused
from tests.cli.test_tick import warp
from tests.support.clocks import FastClock
from tests.support.counts import repetitions
from tests.support.run_driver import RunDriver
from tests.support.state_home import state_home

RUN = ("--run-id", "test")
LIMITS = ("--keep-epochs", "3", "--max", "20", "--per-day", "45")
TOP_UP = ("schedule", "top-up", *RUN, *LIMITS)
PAUSE = ("schedule", "pause", *RUN, "--at")
TICK = ("schedule", "tick", *RUN)
TOKEN = 10**6
BASE_UNITS = st.integers(0, 10**9) | st.integers(0, U64_MAX)


@dataclass
class Jumping(FastClock):
    """A clock that shows any time of day."""

    chance: random.Random = field(default_factory=random.Random)

    def unix_time(self) -> float:
        return self.chance.uniform(0, 4e9)


def vault_balance(house: House) -> int:
    """The balance of the vault in base units."""
    held: int = house.cli.json("rewards", "list", *RUN)["vault_balance"]["base_units"]
    return held


def folder_of(house: House) -> Path:
    """The state folder."""
    return state_home(house.cli.home) / "psyche-cli"


@pytest.fixture
def paying(still_house: House) -> House:
    """A house whose run will pay 30.5 tokens per epoch; its vault is empty."""
    still_house.run(treasurer=True)
    still_house.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "30.5")
    return still_house


def amounts(data: Any) -> list[int]:
    return [act["transferred"]["base_units"] for act in data["acts"]]


# --- top-up -----------------------------------------------------------------------------------------------------------


def test_a_vault_is_funded_within_both_limits(paying: House) -> None:
    found = [paying.cli.json(*TOP_UP) for _ in range(4)]
    assert [amounts(data) for data in found] == [[20 * TOKEN], [20 * TOKEN], [5 * TOKEN], []]
    assert [data["outcome"] for data in found] == ["done", "done", "done", "waiting"]
    assert [data["already_so"] for data in found] == [False, False, False, True]
    funding = found[-1]["funding"]
    assert funding["missing"]["base_units"] == 3 * 30_500_000 - 45 * TOKEN
    assert funding["left_of_day"]["base_units"] == 0
    assert funding["transferred_in_24_hours"]["base_units"] == funding["vault_balance"]["base_units"] == 45 * TOKEN
    assert "of which 45 is used, to allow more in 1d" in found[-1]["waits_for"]
    warp(paying, DAY - 1)
    assert amounts(paying.cli.json(*TOP_UP)) == []
    warp(paying, 1)
    after = [paying.cli.json(*TOP_UP) for _ in range(4)]
    assert [amounts(data) for data in after] == [[20 * TOKEN], [20 * TOKEN], [5 * TOKEN], []]
    warp(paying, DAY)
    assert amounts(paying.cli.json(*TOP_UP)) == [1_500_000], "exactly what is missing"
    sent = paying.chain.sent
    last = paying.cli.json(*TOP_UP)
    assert last["outcome"] == "waiting"
    assert last["waits_for"] == "the vault to hold less than 91.5; it holds 91.5"
    assert (vault_balance(paying), paying.chain.sent) == (91_500_000, sent)


def test_the_reason_is_in_the_journal(paying: House) -> None:
    outcome = paying.cli(*TOP_UP, "--output", "json")
    [act] = outcome.data["acts"]
    assert act["reason"].startswith("the vault held 0, 91.5 less than needed for what is owed, the current epoch and 3")
    assert act["signature"] == outcome.json["transactions"][0]["signature"]
    status = paying.cli("tx", "status", act["signature"], "--output", "json").data
    assert (status["record"]["reason"], status["record"]["state"]) == (act["reason"], "landed")
    assert act["reason"] in paying.cli("tx", "list", "--all").stdout
    records = paying.cli.json("tx", "list", "--all")["transactions"]
    assert sum(record["reason"] is not None for record in records) == 1, "no other command decides by itself"


def test_a_run_that_pays_nothing_needs_nothing(house: House) -> None:
    house.run(treasurer=True)
    sent = house.chain.sent
    data = house.cli.json(*TOP_UP)
    assert data["outcome"] == "waiting"
    assert "an earning rate" in data["waits_for"]
    assert house.chain.sent == sent


def test_it_warns_before_the_money_runs_out(paying: House) -> None:
    first = paying.cli(*TOP_UP, "--output", "json").json["warnings"]
    assert any(line.startswith("The vault holds 20, 71.5 less than needed") for line in first)
    assert any(line.startswith("--per-day 45 is less than members earn: at least ") for line in first)
    assert not any(line.startswith("The wallet") for line in first)
    paying.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "200000")
    ample = ("--keep-epochs", "4", "--max", "999999", "--per-day", "999999")
    outcome = paying.cli("schedule", "top-up", *RUN, *ample, "--output", "json")
    assert amounts(outcome.data) == [799_980 * TOKEN]
    assert (
        "The wallet holds 200000 of the collateral token, enough for 1 more epoch. Send more to it."
        in (outcome.json["warnings"])
    )


def test_the_rest_of_a_wallet_is_transferred_and_an_empty_one_is_an_error(paying: House) -> None:
    paying.cli.json("set-future-epoch-rates", *RUN, "--earning-rate", "2000000")
    ample = ("schedule", "top-up", *RUN, "--keep-epochs", "1", "--max", "9999999", "--per-day", "9999999")
    assert amounts(paying.cli.json(*ample)) == [1_000_000 * TOKEN]
    message = refused(paying, ExitCode.REFUSED, *ample)
    assert "holds 0 of the collateral token" in message


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--keep-epochs", "3", "--max", "0", "--per-day", "1"), "invalid_amount"),
        (("--keep-epochs", "3", "--max", "1", "--per-day", "-1"), "invalid_amount"),
        (("--keep-epochs", "3", "--max", "1", "--per-day", "1.0000001"), "invalid_amount"),
        (("--keep-epochs", "3", "--max", "1"), "usage_error"),
        (("--keep-epochs", "-1", "--max", "1", "--per-day", "1"), "usage_error"),
        ((*LIMITS, "--interval", "5s"), "usage_error"),
        ((*LIMITS, "--follow", "--interval", "0s"), "usage_error"),
    ],
)
def test_limits_that_are_none_are_refused(paying: House, words: tuple[str, ...], code: str) -> None:
    sent = paying.chain.sent
    outcome = paying.cli("schedule", "top-up", *RUN, *words, "--output", "json")
    assert outcome.json["error"]["code"] == code
    assert paying.chain.sent == sent


def test_the_local_clock_does_not_matter(paying: House, random_seed: int) -> None:
    """Whatever it shows, at most 45 tokens are transferred in 24 hours of the cluster's clock."""
    cli = replace(paying.cli, clock=Jumping(chance=random.Random(random_seed)))
    for _ in range(2):
        before = vault_balance(paying)
        for _ in range(6):
            cli.json(*TOP_UP)
        assert vault_balance(paying) - before == 45 * TOKEN
        warp(paying, DAY)


def test_a_cluster_whose_clock_is_behind_allows_nothing_more(paying: House) -> None:
    """Another endpoint may lag: transfers that it places in the future count as well."""
    for _ in range(3):
        paying.cli.json(*TOP_UP)
    with acts_file(folder_of(paying)) as file, file.writing() as connection:
        connection.execute("UPDATE acts SET cluster_time = cluster_time + 3600")
    assert amounts(paying.cli.json(*TOP_UP)) == []
    warp(paying, DAY + 3599)
    assert amounts(paying.cli.json(*TOP_UP)) == []
    warp(paying, 1)
    assert amounts(paying.cli.json(*TOP_UP)) == [20 * TOKEN]


def cuts(house: House, *words: object) -> Iterator[str]:
    """Kill a command at each of its requests, before and after it, each time from the same state. Yields where."""
    bank = house.chain.dispatcher.context.bank
    state = bank.save()
    house.chain.requests.clear()
    house.cli.json(*words)
    requests = [names.split("+") for names in house.chain.requests]
    for number, names in enumerate(requests):
        nth = sum(names[0] in earlier for earlier in requests[: number + 1])
        for executes in (False, True):
            bank.restore(state)
            shutil.rmtree(folder_of(house))
            killed(house, names[0], *words, executes=executes, nth=nth)
            yield f"{names[0]} {nth} {'after' if executes else 'before'}"


def test_a_kill_at_any_request_exceeds_no_limit(paying: House) -> None:
    """After each kill, what was transferred counts, and nothing is transferred twice."""
    number = 0
    for where in cuts(paying, *TOP_UP):
        number += 1
        held = vault_balance(paying)
        assert held in (0, 20 * TOKEN), where
        found = [paying.cli.json(*TOP_UP) for _ in range(4)]
        assert vault_balance(paying) == 45 * TOKEN, where
        reported = sum(sum(amounts(data)) for data in found)
        assert reported in (45 * TOKEN, 45 * TOKEN - held), where
        assert paying.cli.json("tx", "list")["transactions"] == [], where
    assert number >= 10


def test_a_payment_that_nobody_knows_counts_but_is_not_reported_as_made(paying: House) -> None:
    """The process was killed between the record of the act and that of its transaction."""
    signature = str(Signature.new_unique())
    with acts_file(folder_of(paying)) as file:
        Acts(file, str(paying.chain.rpc.genesis_hash()), "test", "top-up").begin(
            subject="",
            amount=40 * TOKEN,
            reason="killed",
            signature=signature,
            cluster_time=paying.driver().now,
            is_allowed=lambda _: True,
        )
    early = paying.cli.json(*TOP_UP)
    assert (early["outcome"], early["acts"]) == ("waiting", [])
    assert early["waits_for"] == f"an earlier transfer to land or to expire ({signature})"
    warp(paying, LANDING_SECONDS)
    later = paying.cli(*TOP_UP, "--output", "json")
    assert amounts(later.data) == [5 * TOKEN]
    doubt = "An interrupted transfer of 40 counts for --per-day for 24 hours, because nobody knows its outcome: "
    assert f"{doubt}{signature}." in later.json["warnings"]
    assert amounts(paying.cli.json(*TOP_UP)) == []
    warp(paying, DAY)
    assert amounts(paying.cli.json(*TOP_UP)) == [20 * TOKEN]


def test_a_payment_is_found_on_the_cluster_if_the_journal_is_lost(paying: House) -> None:
    killed(paying, "sendTransaction", *TOP_UP, executes=True)
    (folder_of(paying) / "transactions.sqlite3").unlink()
    data = paying.cli.json(*TOP_UP)
    assert amounts(data) == [20 * TOKEN]
    assert data["acts"][0]["reason"].endswith("(by an interrupted attempt)")
    assert vault_balance(paying) == 20 * TOKEN


def test_a_forgotten_payment_counts_and_an_expired_one_does_not(paying: House) -> None:
    killed(paying, "sendTransaction", *TOP_UP, executes=False)
    [record] = paying.cli.json("tx", "list")["transactions"]
    assert paying.cli("tx", "forget", record["signature"], "--yes").code is ExitCode.OK
    assert "an earlier transfer to land or to expire" in paying.cli.json(*TOP_UP)["waits_for"]
    warp(paying, LANDING_SECONDS)
    assert amounts(paying.cli.json(*TOP_UP)) == [20 * TOKEN]
    assert vault_balance(paying) == 20 * TOKEN
    killed(paying, "sendTransaction", *TOP_UP, executes=False)
    paying.cli.json("localnet", "warp", "--slots", "400")
    cli = replace(paying.cli, clock=Jumping(chance=random.Random(1)))  # it need not wait for the verdict
    found = [amounts(cli.json(*TOP_UP)) for _ in range(3)]
    assert found == [[5 * TOKEN], [], []], "the expired one was never transferred, and the forgotten one counts"
    assert vault_balance(paying) == 25 * TOKEN


@settings(max_examples=repetitions(400))
@given(
    st.builds(
        Obligations,
        held=BASE_UNITS,
        owed=BASE_UNITS,
        current=BASE_UNITS,
        future=BASE_UNITS,
        decimals=st.just(6),
        epoch_seconds=st.none() | st.integers(1, 10**7),
    ),
    BASE_UNITS,
    BASE_UNITS,
    st.integers(0, 10**6),
    st.integers(1, U64_MAX),
    st.integers(1, U64_MAX),
)
def test_no_money_leads_to_a_transfer_above_a_limit(
    obligations: Obligations, wallet: int, transferred: int, keep_epochs: int, most: int, per_day: int
) -> None:
    money, limits = Money(obligations, wallet, transferred), Limits(keep_epochs, most, per_day)
    amount = money.transfer(limits)
    assert 0 <= amount <= most
    assert amount == 0 or transferred + amount <= per_day
    assert amount == 0 or wallet == 0 or amount <= wallet
    after = money.after(amount)
    assert after.missing(limits) == money.missing(limits) - amount, "never more than is missing"
    left = after.transfer(limits)
    assert left == 0 or after.wallet == 0 or most < money.missing(limits), "another one only because of --max"
    missing = after.missing(limits) > 0
    assert missing == any(line.startswith("The vault holds") for line in after.warnings(limits))


# --- fees -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [TOP_UP, (*PAUSE, "epoch:9"), TICK])
def test_it_warns_before_the_fees_cannot_be_paid(paying: House, words: tuple[str, ...]) -> None:
    assert not any("SOL" in line for line in paying.cli(*words, "--output", "json").json["warnings"])
    bank, owner = paying.chain.dispatcher.context.bank, address_of(paying.owner)
    account = bank.accounts.get(owner)
    assert account is not None
    bank.set_account(owner, Account(890_880 + 9 * 5000 + 4999, b"", account.owner))
    warnings = paying.cli(*words, "--output", "json").json["warnings"]
    expected = (
        f"The wallet {owner} holds 0.000940879 SOL, enough for the fees of 9 more transactions. Send more SOL to it."
    )
    assert expected in warnings


# --- pause ------------------------------------------------------------------------------------------------------------


def test_a_run_is_paused_once_at_each_moment(waiting_run: RunDriver, still_house: House) -> None:
    now = waiting_run.now
    assert still_house.cli.json(*PAUSE, "epoch:1")["waits_for"] == "epoch 1; the run is at epoch 0"
    later = still_house.cli.json(*PAUSE, str(now + 3700))
    assert later["waits_for"].endswith("in 1h1m40s by the cluster's clock")
    data = still_house.cli.json(*PAUSE, "step:1")
    assert (data["outcome"], data["state"]) == ("done", "Paused")
    still_house.cli.json("set-paused", *RUN, "--resume")
    sent = still_house.chain.sent
    again = still_house.cli.json(*PAUSE, "step:1")
    assert (again["outcome"], again["already_so"], again["waits_for"]) == ("ended", True, None)
    assert still_house.chain.sent == sent
    warp(still_house, 3700)
    reason = still_house.cli.json(*PAUSE, str(now + 3700))["acts"][0]["reason"]
    assert reason.startswith("the run had reached 2027-01-15T")
    assert waiting_run.stage == RunState.PAUSED


def test_a_killed_pause_is_not_repeated_after_a_resume(waiting_run: RunDriver, still_house: House) -> None:
    for where in cuts(still_house, *PAUSE, "epoch:0"):
        was_paused = waiting_run.stage == RunState.PAUSED
        if was_paused:  # the owner resumes it before the next check
            still_house.cli.json("set-paused", *RUN, "--resume")
        still_house.cli.json(*PAUSE, "epoch:0")
        assert waiting_run.stage == (RunState.WAITING_FOR_MEMBERS if was_paused else RunState.PAUSED), where


def test_a_run_that_is_paused_when_the_moment_comes_is_not_paused_later(house: House) -> None:
    house.run()
    waiting = house.cli.json(*PAUSE, "epoch:0")
    assert "it is Uninitialized" in waiting["waits_for"]
    house.enter(RunState.ROUND_TRAIN, pending_pause=True)
    data = house.cli.json(*PAUSE, "epoch:0")
    assert (data["outcome"], data["already_so"]) == ("done", True)
    house.enter(RunState.ROUND_TRAIN)
    assert house.cli.json(*PAUSE, "epoch:0")["outcome"] == "ended"
    house.enter(RunState.FINISHED)
    assert house.cli.json(*PAUSE, "epoch:7")["outcome"] == "ended"


def test_only_the_owner_schedules_a_pause(waiting_run: RunDriver, still_house: House) -> None:
    """Refused at once, rather than when the moment has come."""
    refused(still_house, ExitCode.REFUSED, *PAUSE, "epoch:9", "-w", still_house.stranger)


@pytest.mark.parametrize(
    "at",
    [
        "500",
        "step:",
        "step: 5",
        "Step:5",
        "step:-1",
        "step:4294967296",
        "epoch:65536",
        "soon",
        "99999999999",
        "2000-12-31",
    ],
)
def test_a_moment_that_never_comes_is_refused(house: House, at: str) -> None:
    outcome = house.cli(*PAUSE, at)
    assert outcome.code is ExitCode.USAGE
    assert f"--at {at!r} is neither a step" in outcome.stderr or f"--at {at} never comes" in outcome.stderr


def test_a_time_may_have_an_offset_and_may_have_passed(waiting_run: RunDriver, still_house: House) -> None:
    """Two forms of one time are the same moment."""
    first = still_house.cli.json(*PAUSE, "2026-11-27T10:00:00+02:00")
    assert first["acts"][0]["reason"] == "the run had reached 2026-11-27T08:00:00Z"
    still_house.cli.json("set-paused", *RUN, "--resume")
    assert still_house.cli.json(*PAUSE, "2026-11-27T08:00:00Z")["outcome"] == "ended"
    assert waiting_run.stage == RunState.WAITING_FOR_MEMBERS


# --- tick -------------------------------------------------------------------------------------------------------------


def test_a_tick_is_sent_when_it_is_due(waiting_run: RunDriver, still_house: House) -> None:
    waiting_run.join(0, 1, 2)
    sent = still_house.chain.sent
    data = still_house.cli.json(*TICK)
    assert (data["outcome"], data["waits_for"]) == (
        "waiting",
        "the end of Waiting for members, in 5s unless members act before",
    )
    assert still_house.chain.sent == sent
    warp(still_house, 5)
    data = still_house.cli.json(*TICK, "--while-overdue")
    assert (data["outcome"], data["state"], len(data["acts"])) == ("done", "Warmup", 1)
    status = still_house.cli.json("tx", "status", data["acts"][0]["signature"])
    assert status["record"]["reason"] == "a tick was due, and no member had sent it"


def test_a_tick_is_sent_while_an_apply_waits(waiting_run: RunDriver, still_house: House) -> None:
    """The pause for which it waits may depend on the tick."""
    waiting_run.join(0, 1, 2)
    warp(still_house, 5)
    with applying(folder_of(still_house), "test"):
        assert still_house.cli.json(*PAUSE, "step:1")["outcome"] == "busy"
        assert still_house.cli.json(*TICK)["outcome"] == "done"
