"""What a vault receives limits ``schedule top-up``, by whichever command and from whichever computer it comes."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.operations.schedule.acts import DAY, acts_file
from psyche_cli.operations.schedule.received import Level, ReceivedAmounts, is_known_since, received_since, with_level
from psyche_cli.solana.sending.journal import Journal
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import methods_of
from tests.cli.killing import killed
from tests.cli.lockstep import at_once
from tests.cli.test_schedule import RUN, TOKEN, TOP_UP, Jumping, amounts, folder_of, paying, vault_balance
from tests.cli.test_tick import warp
from tests.support.counts import Loads, repetitions
from tests.support.relays import Relay

__all__ = ["paying"]  # the fixture

MANUALLY = ("treasurer-top-up-rewards", *RUN, "--collateral-amount")


@pytest.mark.parametrize("executes", [True, False])
def test_a_transfer_that_another_command_has_left_behind_is_settled(paying: House, executes: bool) -> None:
    killed(paying, "sendTransaction", *MANUALLY, "7", executes=executes)
    found = [paying.cli.json(*TOP_UP) for _ in range(4)]
    assert [amounts(data) for data in found] == [[20 * TOKEN], [18 * TOKEN], [], []], "it is sent again, and counts"
    assert vault_balance(paying) == 45 * TOKEN
    # Its command still finds it in the journal, so a repetition does not pay again.
    assert "by an earlier attempt; nothing was sent now" in paying.cli(*MANUALLY, "7").stdout
    assert vault_balance(paying) == 45 * TOKEN


def test_an_expired_transfer_of_another_command_does_not_count(paying: House) -> None:
    killed(paying, "sendTransaction", *MANUALLY, "7", executes=False)
    paying.cli.json("localnet", "warp", "--slots", "400")
    cli = replace(paying.cli, clock=Jumping(chance=random.Random(1)))  # it need not wait for the verdict
    assert [amounts(cli.json(*TOP_UP)) for _ in range(4)] == [[20 * TOKEN], [20 * TOKEN], [5 * TOKEN], []]
    assert paying.cli.json("tx", "list")["transactions"] == []


def test_a_transfer_of_another_command_that_is_running_is_waited_for(paying: House) -> None:
    killed(paying, "sendTransaction", *MANUALLY, "7", executes=True)
    journal = Journal(folder_of(paying), SystemClock())
    [entry] = journal.entries(unsettled_only=True)
    with closing(journal):
        journal.record(entry._replace(signature="1" * 88, session=journal.session))
        data = paying.cli.json(*TOP_UP)
        assert (data["outcome"], data["acts"]) == ("waiting", [])
        assert "tx resume 1111" in data["waits_for"]


def test_what_others_transfer_counts_for_the_day(paying: House) -> None:
    """By any command and from any computer: what the vault has received is on the chain."""
    paying.cli.json(*MANUALLY, "30")
    shutil.rmtree(folder_of(paying))  # as if it had been on another computer
    found = [paying.cli.json(*TOP_UP) for _ in range(2)]
    assert [amounts(data) for data in found] == [[15 * TOKEN], []]
    paying.cli.json(*MANUALLY, "10")
    funding = paying.cli.json(*TOP_UP)["funding"]
    assert funding["transferred_in_24_hours"]["base_units"] == funding["received_in_all"]["base_units"] == 55 * TOKEN
    warp(paying, DAY - 1)
    assert amounts(paying.cli.json(*TOP_UP)) == []
    warp(paying, 1)
    assert amounts(paying.cli.json(*TOP_UP)) == [20 * TOKEN]


def test_an_endpoint_without_a_ledger_is_a_warning(paying: House) -> None:
    """Then only what was seen counts, besides what is scheduled."""
    paying.cli.json(*MANUALLY, "30")
    shutil.rmtree(folder_of(paying))
    cli = replace(paying.cli, open_transport=lambda url: WithoutLedger(paying.chain.transport(url)))
    first = cli(*TOP_UP, "--output", "json").json
    assert amounts(first["data"]) == [20 * TOKEN]
    assert any("does not tell what the vault received in the last 24 hours" in line for line in first["warnings"])
    paying.cli.json(*MANUALLY, "10")
    assert amounts(cli.json(*TOP_UP)) == [15 * TOKEN]
    assert amounts(cli.json(*TOP_UP)) == []
    warp(paying, DAY)
    assert not any("does not tell" in line for line in cli(*TOP_UP, "--output", "json").json["warnings"])


def test_no_more_than_the_maximum_in_all_is_received(paying: House) -> None:
    limited = (*TOP_UP, "--max-in-all", "50")
    paying.cli.json(*MANUALLY, "15")
    found = [paying.cli.json(*limited) for _ in range(2)]
    assert [amounts(data) for data in found] == [[20 * TOKEN], [10 * TOKEN]]
    warp(paying, DAY)
    outcome = paying.cli(*limited, "--output", "json")
    assert amounts(outcome.data) == [5 * TOKEN]
    assert "--max-in-all 50 leaves 0, enough for 0 more epochs." in outcome.json["warnings"]
    assert outcome.data["waits_for"] == "the limit --max-in-all, which is used up, to be raised"
    assert outcome.data["funding"]["left_in_all"]["base_units"] == 0
    assert amounts(paying.cli.json(*limited)) == []
    assert vault_balance(paying) == 50 * TOKEN


def test_a_transfer_during_the_first_check_is_not_taken_for_a_gap(paying: House) -> None:
    """It lands between the read of the vault and that of its transactions."""
    paying.cli.json(*MANUALLY, "30")
    shutil.rmtree(folder_of(paying))

    class Meanwhile(Relay):
        def send(self, body: bytes, *, timeout: float) -> bytes:
            if "getSignaturesForAddress" in methods_of(body):
                paying.cli.json(*MANUALLY, "5", "--state-dir", paying.cli.home / "another")
            return self.inner.send(body, timeout=timeout)

    cli = replace(paying.cli, open_transport=lambda url: Meanwhile(paying.chain.transport(url)))
    first = cli(*TOP_UP, "--output", "json").json
    assert not any("does not tell" in line for line in first["warnings"])
    assert (first["data"]["outcome"], first["data"]["acts"]) == ("busy", []), "the vault has changed meanwhile"
    assert [amounts(paying.cli.json(*TOP_UP)) for _ in range(2)] == [[10 * TOKEN], []]


def test_checks_on_several_computers_at_once_share_the_limits(
    paying: House, tmp_path: Path, random_seed: int, loads: Loads
) -> None:
    """No lock helps there: of transfers that are made at once, the transactions themselves let all but one fail."""
    bank = paying.chain.dispatcher.context.bank
    state = bank.save()
    busy = 0
    for number in range(loads.of(usual=2, ci=10, full=60)):
        bank.restore(state)
        chance = random.Random(f"{random_seed}:{number}")
        folder = tmp_path / f"computers-{number}"
        folder.mkdir()
        words = (*TOP_UP, "--max-in-all", "42", "--output", "json")
        for step in range(3):
            outcomes = at_once(paying, folder, [list(words) for _ in range(3)], chance)
            assert [outcome.code for outcome in outcomes] == [ExitCode.OK] * 3, [one.stderr for one in outcomes]
            found = [outcome.json["data"] for outcome in outcomes]
            busy += sum(data["outcome"] == "busy" for data in found)
            assert vault_balance(paying) <= min(20 * 3 * (step + 1), 42) * TOKEN
        for _ in range(3):
            paying.cli.json(*words)
        assert vault_balance(paying) == 42 * TOKEN
    assert busy > 0


@dataclass
class WithoutLedger:
    """An endpoint that does not offer the transactions of an address, as some providers do not."""

    inner: Transport

    @property
    def label(self) -> str:
        return self.inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if "getSignaturesForAddress" not in methods_of(body):
            return self.inner.send(body, timeout=timeout)
        number = json.loads(body)["id"]
        error = {"code": -32601, "message": "Method not found"}
        return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()

    def close(self) -> None:
        self.inner.close()


INCOMES = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 100)), max_size=20).map(sorted)
READS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20)), min_size=1, max_size=40)


@settings(max_examples=repetitions(800))
@given(INCOMES, READS, st.integers(1, 100))
def test_what_was_read_never_hides_an_income(
    incomes: Sequence[tuple[int, int]], reads: Sequence[tuple[int, int]], window: int
) -> None:
    """Nodes lag by up to 20. Everything in the window counts, unless it was before the first read."""

    def received(time: int) -> int:
        return sum(amount for moment, amount in incomes if moment <= time)

    levels: list[Level] = []
    for time, lag in sorted(reads):
        seen = max(time - lag, 0)
        levels = with_level(levels, seen, received(seen), seen - window)
        assert levels == sorted(levels)
        since = seen - window
        counted, income = received_since(levels, since), received(levels[-1].last) - received(since)
        first = levels[0].first
        assert counted >= min(income, received(levels[-1].last) - received(max(since, first)))
        if is_known_since(levels, since):
            assert counted >= income
            base = max(level.last for level in levels if level.first <= since)
            assert counted <= received(levels[-1].last) - received(min(base, since))


def test_a_recreated_run_does_not_hide_an_income() -> None:
    """Its vault has the same address, and its Run begins to count again."""
    levels = with_level(with_level(with_level([], 0, 100, 0), 10, 0, 0), 20, 30, 0)
    assert received_since(levels, 0) == 30


def test_levels_are_kept_by_vault(paying: House) -> None:
    with acts_file(folder_of(paying)) as file:
        first, second = (ReceivedAmounts(file, "genesis", vault) for vault in ("one", "two"))
        assert first.levels() == []
        first.replace([Level(1, 2, 2**64), Level(3, 3, 2**65)])
        second.replace([Level(1, 1, 1)])
        assert first.levels() == [Level(1, 2, 2**64), Level(3, 3, 2**65)]
        first.replace([Level(5, 5, 5)])
        assert (first.levels(), second.levels()) == ([Level(5, 5, 5)], [Level(1, 1, 1)])
