"""``apply --dry-run``: the plan, and the simulation of what can be simulated; nothing is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.operations.run_files.lock import applying
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedFunding, WantedRun
from tests.cli.conftest import House
from tests.support.declared_runs import EpochEnds, apply_file, variations, write_declared_run
from tests.support.state_home import state_home


def dry_run(house: House, file: Path) -> Any:
    """The data of a dry run, which must send and change nothing."""
    sent = house.chain.sent
    plan = house.cli("plan", file, "--output", "json").json["data"]
    outcome = house.cli("apply", file, "--dry-run", "--output", "json")
    assert house.chain.sent == sent
    assert outcome.data["dry_run"] is True
    assert outcome.data["steps"] == plan["steps"]
    assert outcome.json["transactions"] == []
    return outcome.data


def simulated(data: Any) -> list[bool]:
    return [one["simulated"] for one in data["transactions"]]


def test_a_run_to_create(house: House, base: WantedRun, tmp_path: Path) -> None:
    """Its creation and the authorizations, which do not depend on it."""
    file = write_declared_run(replace(base, state="running"), tmp_path / "a.toml")
    data = dry_run(house, file)
    kinds = [step["kind"] for step in data["steps"]]
    assert [kind in ("create", "authorize") for kind in kinds] == simulated(data)
    assert data["transactions"][0]["fee_lamports"] == data["steps"][0]["fee_lamports"]
    assert apply_file(house, file).code is ExitCode.OK
    assert dry_run(house, file)["transactions"] == []


def test_a_change_that_needs_a_pause(house: House, base: WantedRun, tmp_path: Path) -> None:
    """What comes before the pause, and the pause itself."""
    running = replace(base, state="running", resets_checkpoint=False)
    assert apply_file(house, write_declared_run(running, tmp_path / "a.toml")).code is ExitCode.OK
    house.enter(RunState.ROUND_TRAIN)
    changed = variations(variations(running)["config.epoch_time"](running))["rewards.slashing_rate"](running)
    changed = replace(variations(changed)["config.epoch_time"](changed), funding=WantedFunding(keep_epochs=9))
    file = write_declared_run(changed, tmp_path / "b.toml")
    data = dry_run(house, file)
    assert [step["kind"] for step in data["steps"]] == ["top-up", "set-rates", "pause", "wait", "update", "resume"]
    assert simulated(data) == [True, True, True, False, False]
    text = house.cli("apply", file, "--dry-run", "--output", "human").stdout
    assert text.startswith("Dry run: the simulation of 3 of 5 transactions succeeded. Nothing was sent.")
    assert "4. Wait until the run is Paused" in text
    house.cli.clock = EpochEnds(house)
    assert apply_file(house, file).code is ExitCode.OK


def test_a_dry_run_of_a_plan(house: House, base: WantedRun, tmp_path: Path) -> None:
    file, plan = write_declared_run(base, tmp_path / "a.toml"), tmp_path / "plan.json"
    assert house.cli("plan", file, "-o", plan).code is ExitCode.DIFFERS
    assert house.cli("apply", plan, "--dry-run", "--output", "json").data["dry_run"] is True
    house.cli.json("create-run", "--run-id", "test")
    stale = house.cli("apply", plan, "--dry-run", "--output", "json")
    assert stale.json["error"]["code"] == "stale_plan"


@pytest.mark.parametrize("words", [(), ("--output", "human")])
def test_a_dry_run_beside_an_apply(house: House, base: WantedRun, tmp_path: Path, words: tuple[str, ...]) -> None:
    """It takes no lock, because it sends nothing."""
    file = write_declared_run(base, tmp_path / "a.toml")
    with applying(state_home(house.cli.home) / "psyche-cli", "test"):
        outcome = house.cli("apply", file, "--dry-run", *words)
    assert outcome.code is ExitCode.OK
    assert len(outcome.stdout.splitlines()) == 1 if not words else outcome.stdout.startswith("Dry run: ")
