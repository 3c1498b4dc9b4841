"""``plan`` and ``apply`` through the command line, against a local validator: the chain becomes as the file says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedFunding, WantedRun
from tests.cli.conftest import House
from tests.cli.harness import address_of
from tests.cli.killing import killed
from tests.support.counts import Loads
from tests.support.declared_runs import (
    EpochEnds,
    base_run,
    dumped_run,
    random_run,
    run_as_dumped,
    variations,
    write_declared_run,
)

STATES = (*((state, False) for state in RunState), *((state, True) for state in RunState if state.is_active))


class Place:
    """A house with a mint, whose chain can be brought back to where it was."""

    def __init__(self, house: House, tmp_path: Path) -> None:
        self.house = house
        self.mint = house.new_mint()
        self.base = base_run(house, self.mint)
        self.folder = tmp_path
        self.number = 0

    def file(self, run: WantedRun) -> Path:
        self.number += 1
        return write_declared_run(run, self.folder / f"run-{self.number}.toml")

    def apply(self, file: Path, *words: str) -> Any:
        """Apply a file with an epoch that ends when the command waits."""
        cli = self.house.cli
        clock, cli.clock = cli.clock, EpochEnds(self.house)
        try:
            return cli.json("apply", file, "--yes", *words)
        finally:
            cli.clock = clock

    def plan(self, file: Path, *words: object) -> Any:
        outcome = self.house.cli("plan", file, "--output", "json", *words)
        assert outcome.code in (ExitCode.OK, ExitCode.DIFFERS), outcome.stderr
        return outcome.json

    def is_done(self, file: Path) -> bool:
        """Whether plan has nothing to do, and apply sends nothing."""
        sent = self.house.chain.sent
        nothing = self.plan(file)["exit_code"] == 0
        again = self.apply(file)
        return nothing and again["already_so"] is True and self.house.chain.sent == sent

    @property
    def lamports(self) -> int:
        return self.house.chain.rpc.balance(address_of(self.house.owner))

    @property
    def vault(self) -> int:
        held: float = self.house.dump()["treasurer_run"]["funded_collateral_amount"]
        return round(held * 10**6)

    def save(self) -> Callable[[], None]:
        """Returns what brings the chain back to this moment."""
        bank = self.house.chain.dispatcher.context.bank
        state = bank.save()
        return lambda: bank.restore(state)


@pytest.fixture
def place(house: House, tmp_path: Path) -> Place:
    return Place(house, tmp_path)


def test_a_whole_run_from_an_empty_validator(place: Place) -> None:
    """The plan costs exactly what it says, and the chain is as the file says."""
    file = place.file(replace(place.base, state="running"))
    plan = place.plan(file)["data"]
    kinds = [step["kind"] for step in plan["steps"]]
    assert kinds == [
        *("create", "authorize", "authorize", "delegate", "authorize"),
        *("top-up", "set-rates", "update", "resume"),
    ]
    before = place.lamports
    applied = place.apply(file)
    assert [step["kind"] for step in applied["steps"]] == kinds
    assert before - place.lamports == plan["fee_lamports"] + plan["rent_lamports"]
    assert sum(len(step["signatures"]) for step in applied["steps"]) == plan["transactions"]
    assert place.vault == plan["collateral"] == 60_000_000
    assert run_as_dumped(dumped_run(place.house)) == run_as_dumped(replace(place.base, state="running"))
    assert place.is_done(file)


def test_what_a_dump_writes_is_applied_without_a_change(place: Place) -> None:
    place.apply(place.file(place.base))
    dump = place.folder / "dump.toml"
    place.house.cli.json("config", "dump", "--full", "--run-id", "test", "-o", dump)
    assert place.is_done(dump)


def test_each_value_in_each_state_of_the_run(place: Place, loads: Loads, random_seed: int) -> None:
    """A change of one value: the chain ends equal to the file, and nothing else has changed."""
    known = variations(place.base)
    place.apply(place.file(place.base))
    back_to_new = place.save()
    place.apply(place.file(replace(place.base, state="running")))
    back_to_started = place.save()
    chance = random.Random(random_seed)
    cases = [(key, state) for key in known for state in STATES]
    # By default, each value in one state and each state with one value.
    some = [
        *((key, chance.choice(STATES)) for key in known),
        *((chance.choice(sorted(known)), state) for state in STATES),
    ]
    chosen = {"usual": some[::5], "ci": some, "full": cases}[loads.level]
    for key, (state, pending) in chosen:
        (back_to_new if state == RunState.UNINITIALIZED else back_to_started)()
        place.house.enter(state, pending_pause=pending)
        _change_one_value(place, key, known[key], state, pending)


def _change_one_value(place: Place, key: str, change: Any, state: RunState, pending: bool) -> None:
    where = f"{key} in {state.name}{' pausing' if pending else ''}"
    runs = not state.is_halted and not pending
    now = replace(place.base, state="running" if runs else "paused", resets_checkpoint=True)
    file = place.file(change(now))
    before, vault, lamports, funded = dumped_run(place.house), place.vault, place.lamports, place.plan(place.file(now))
    plan = place.plan(file)["data"]
    if state == RunState.FINISHED and plan["obstacles"]:
        refused = place.house.cli("apply", file, "--yes")
        assert refused.code is ExitCode.REFUSED, where
        assert dumped_run(place.house) == before, where
        return
    assert not plan["obstacles"], (where, plan["obstacles"])
    place.apply(file)
    after = dumped_run(place.house)
    assert run_as_dumped(after) == run_as_dumped(change(now)), where
    assert place.vault - vault == plan["collateral"], where
    assert lamports - place.lamports == plan["fee_lamports"] + plan["rent_lamports"], where
    if not key.startswith(("funding", "rewards")):
        assert plan["collateral"] == funded["data"]["collateral"], where
    assert place.is_done(file), where


def test_random_pairs_of_files(place: Place, loads: Loads, random_seed: int) -> None:
    """Apply A, apply B: the chain equals B, and applying it again sends nothing."""
    back = place.save()
    for number in range(loads.of(usual=2, ci=20, full=300)):
        back()
        chance = random.Random(f"{random_seed}:{number}")
        first, second = random_run(place.base, chance), random_run(place.base, chance)
        place.apply(place.file(first))
        if first.state == "running" and chance.random() < 0.8:
            place.house.enter(chance.choice([state for state in RunState if not state.is_halted]))
        file = place.file(replace(second, resets_checkpoint=True))
        place.apply(file)
        assert run_as_dumped(dumped_run(place.house)) == run_as_dumped(second), f"{random_seed}:{number}"
        assert place.is_done(file)


TWELVE = ("create", "authorize", "authorize", "delegate", *["authorize"] * 4, "top-up", "set-rates", "update", "resume")


@pytest.mark.parametrize("executes", [False, True], ids=["before", "after"])
def test_killed_between_any_two_steps(place: Place, loads: Loads, executes: bool) -> None:
    """Killed at each transaction of an apply with twelve steps: the same command continues, and repeats nothing."""
    run = replace(place.base, state="running")
    for _ in range(3):
        run = variations(place.base)["join.authorizations added"](run)
    file = place.file(replace(run, funding=WantedFunding(keep_epochs=5, max_per_top_up="20")))
    steps = place.plan(file)["data"]
    assert tuple(step["kind"] for step in steps["steps"]) == TWELVE
    back = place.save()
    lamports = place.lamports
    for nth in range(1, 13, loads.of(usual=5, ci=1)):
        back()
        before = place.house.chain.dispatcher.context.bank.history.total
        killed(place.house, "sendTransaction", "apply", file, "--yes", executes=executes, nth=nth)
        applied = place.apply(file)
        assert len(applied["steps"]) == 12 - nth  # the interrupted one was settled first
        assert place.house.chain.dispatcher.context.bank.history.total - before == 12
        assert place.vault == 20_000_000
        assert lamports - place.lamports == steps["fee_lamports"] + steps["rent_lamports"]
        assert run_as_dumped(dumped_run(place.house)) == run_as_dumped(run)
