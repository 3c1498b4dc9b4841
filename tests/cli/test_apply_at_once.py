"""``apply`` beside other processes, on this computer and on others: what is paid and what is created."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedFunding, WantedRun
from tests.cli.conftest import House
from tests.cli.harness import Outcome, environment_of, text_of
from tests.cli.killing import killed
from tests.cli.lockstep import at_once
from tests.support.counts import Loads
from tests.support.declared_runs import (
    EpochEnds,
    apply_file,
    dumped_run,
    run_as_dumped,
    variations,
    vault_tokens,
    write_declared_run,
)
from tests.support.terminals import Terminal

RUN = ("--run-id", "test")


def top_up(house: House, amount: str, *words: object) -> None:
    house.cli.json("treasurer-top-up-rewards", *RUN, "--collateral-amount", amount, *words)


@pytest.fixture
def funded(house: House, base: WantedRun, tmp_path: Path) -> Path:
    """The file of a run whose vault holds 60, and is to hold 120, which is all that it can ever receive."""
    assert apply_file(house, write_declared_run(base, tmp_path / "a.toml")).code is ExitCode.OK
    wanted = replace(base, funding=WantedFunding(keep_epochs=10, max_in_all="120"))
    return write_declared_run(wanted, tmp_path / "b.toml")


class Answering(Terminal):
    """A terminal at which the user acts elsewhere before answering yes."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__("y\n")
        self._act = act

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        self._act()
        return super().readline(size)


def answered(house: House, act: Callable[[], object], *words: object) -> Outcome:
    """Run a command whose question is answered after ``act``."""
    environment = environment_of(house.cli).replaced(stdin=Answering(act), stderr=Terminal(), stdout=io.StringIO())
    code = main([str(word) for word in (*words, "--output", "json")], environment)
    return Outcome(code, text_of(environment.stdout), text_of(environment.stderr))


@pytest.mark.parametrize("planned", [False, True], ids=["file", "plan"])
def test_a_transfer_before_the_answer_counts(house: House, funded: Path, planned: bool) -> None:
    file = funded
    if planned:
        file = funded.with_name("plan.json")
        house.cli("plan", funded, "-o", file)
    done = answered(house, lambda: top_up(house, "50"), "apply", file)
    assert "funding.vault: 60 -> 120" in done.stderr.split("Continue?")[0]
    assert done.code is ExitCode.OK, done.stderr
    assert vault_tokens(house) == 120
    again = answered(house, lambda: None, "apply", file)
    assert again.json["data"]["already_so"] is True


def test_the_question_names_the_steps_only_if_the_plan_is_not_shown(house: House, funded: Path) -> None:
    [title] = [one["title"] for one in house.cli("plan", funded, "--output", "json").json["data"]["steps"]]
    cost = "1 step changes run test, for 0.000005 SOL of fees and 60 of the collateral token"
    hidden = house.cli("apply", funded, "--quiet", "--output", "json")
    assert f"{cost}: {title}. This requires confirmation" in hidden.json["error"]["message"]
    shown = answered(house, lambda: None, "apply", funded).stderr
    assert f"{cost}. Continue? [y/N] " in shown
    assert shown.split("Continue?")[0].count(title) == 1


def test_what_nobody_has_confirmed_is_not_done(house: House, base: WantedRun, funded: Path) -> None:
    other = variations(base)["metadata.name"](base)
    assert apply_file(house, write_declared_run(other, funded.with_name("c.toml"))).code is ExitCode.OK
    act = ("set-future-epoch-rates", *RUN, "--slashing-rate", "2")
    refused = answered(house, lambda: house.cli.json(*act), "apply", funded)
    assert refused.json["error"]["code"] == "stale_plan"
    assert vault_tokens(house) == 60


@pytest.mark.parametrize("executes", [False, True], ids=["lost", "landed"])
@pytest.mark.parametrize(
    "words",
    [
        ("treasurer-top-up-rewards", *RUN, "--collateral-amount", "60"),
        ("schedule", "top-up", *RUN, "--keep-epochs", "10", "--max", "60", "--per-day", "100"),
    ],
    ids=["top-up", "schedule"],
)
def test_a_transfer_that_another_command_left_unsettled(
    house: House, funded: Path, words: tuple[str, ...], executes: bool
) -> None:
    """Its outcome is determined first. The command that made it still finds it unsettled."""
    killed(house, "sendTransaction", *words, executes=executes)
    done = apply_file(house, funded)
    assert done.code is ExitCode.OK, done.stderr
    assert vault_tokens(house) == 120
    if executes:
        assert "It landed in slot" in done.stderr
        house.cli.json(*words)
        assert vault_tokens(house) == 120


def test_a_balance_that_changes_at_the_last_moment(house: House, funded: Path) -> None:
    """Between the plan and the simulation: what is left is planned again. After it, the transaction fails."""
    for method in ("simulateTransaction", "sendTransaction"):
        before = vault_tokens(house)
        wanted = funded.read_text().replace('max_in_all = "120"', f'max_in_all = "{before + 60:g}"')
        file = funded.with_name(f"{method}.toml")
        file.write_text(wanted.replace("keep_epochs = 10", f'keep_amount = "{before + 60:g}"'))
        Before(house, method, lambda: top_up(house, "50", "--state-dir", funded.with_name("other")))
        done = apply_file(house, file)
        assert done.code is ExitCode.OK, done.stderr
        assert "planned again" in done.stderr
        failed = [warning for warning in done.json["warnings"] if "failed on-chain" in warning]
        assert len(failed) == (method == "sendTransaction")
        assert vault_tokens(house) == before + 60


class Before:
    """An endpoint of a command beside which another process acts once, before a request."""

    def __init__(self, house: House, method: str, act: Callable[[], object]) -> None:
        connect = house.cli.open_transport

        class Connection:
            def __init__(self, url: str) -> None:
                self._inner = connect(url)
                self.label = self._inner.label

            def send(self, body: bytes, *, timeout: float) -> bytes:
                if method.encode() in body and house.cli.open_transport is not connect:
                    house.cli.open_transport = connect
                    act()
                return self._inner.send(body, timeout=timeout)

            def close(self) -> None:
                self._inner.close()

        house.cli.open_transport = Connection


def test_two_computers_at_once(house: House, base: WantedRun, tmp_path: Path, loads: Loads, random_seed: int) -> None:
    """Whichever request comes first: nothing is paid or created twice, and the run ends as the file says."""
    house.cli.clock = EpochEnds(house)
    bank = house.chain.dispatcher.context.bank
    start = bank.save()
    for number in range(loads.of(usual=3, ci=20, full=200)):
        bank.restore(start)
        chance = random.Random(f"{random_seed}:{number}")
        funding = WantedFunding(keep_epochs=5, max_in_all="60")
        file = write_declared_run(replace(base, state="running", funding=funding), tmp_path / "a.toml")
        words: list[list[object]] = [["apply", file, "--yes", "--output", "json"]] * 2
        folder = tmp_path / f"{number}"
        folder.mkdir()
        outcomes = at_once(house, folder, words, chance)
        for outcome in outcomes:
            failed = re.findall(r"Sending .*: (\w+)", outcome.stderr)
            if outcome.code is ExitCode.OK and outcome.json["data"]["already_so"]:
                assert not failed, "something was sent"
        told = [outcome.json["error"]["code"] for outcome in outcomes if outcome.code is not ExitCode.OK]
        assert told in ([], ["already_exists"]), (f"{random_seed}:{number}", *(one.stderr for one in outcomes))
        _ends_as_written(house, file, base, 60)
        # A change of the running run, which needs a pause.
        house.enter(RunState.ROUND_TRAIN)
        changed = variations(replace(base, state="running"))["config.epoch_time"](replace(base, state="running"))
        changed = replace(changed, funding=WantedFunding(keep_epochs=9, max_in_all="100"), resets_checkpoint=True)
        file = write_declared_run(changed, tmp_path / "b.toml")
        outcomes = at_once(house, folder, [["apply", file, "--yes", "--output", "json"]] * 2, chance)
        for outcome in outcomes:
            if outcome.code is not ExitCode.OK:
                assert outcome.json["error"]["code"] in ("wrong_run_state", "stale_plan"), outcome.stderr
        _ends_as_written(house, file, changed, 100)


def _ends_as_written(house: House, file: Path, run: WantedRun, held: float) -> None:
    apply_file(house, file)
    assert run_as_dumped(dumped_run(house)) == run_as_dumped(replace(run, state="running"))
    assert vault_tokens(house) == held
    accounts = house.chain.rpc.program_accounts(house.driver().programs.coordinator, [])
    assert len(accounts) == 2  # the instance, and one coordinator account
    sent = house.chain.sent
    assert apply_file(house, file).json["data"]["already_so"] is True
    assert house.chain.sent == sent
