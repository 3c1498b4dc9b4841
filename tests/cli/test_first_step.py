"""The first step of a run from its file, through the command line against a local validator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.batch_size import data_index_for_step
from psyche_cli.run_file.wanted import WantedRun, WantedState
from tests.cli.conftest import House
from tests.cli.killing import killed
from tests.support.declared_runs import base_run, write_declared_run


def applied(house: House, run: WantedRun, path: Path) -> Any:
    """What an apply of this run did."""
    return house.cli.json("apply", write_declared_run(run, path), "--yes")


@pytest.mark.parametrize("has_treasurer", [False, True], ids=["owner", "treasurer"])
@pytest.mark.parametrize("state", ["paused", "running"])
def test_a_new_run_begins_at_a_step(house: House, tmp_path: Path, has_treasurer: bool, state: WantedState) -> None:
    mint = house.new_mint() if has_treasurer else None
    run = replace(base_run(house, mint), start_step=7, state=state)
    done = applied(house, run, tmp_path / "run.toml")
    ending = [step["kind"] for step in done["steps"] if step["kind"] in ("update", "set-step", "resume")]
    assert ending == ["update", "set-step", *(["resume"] if state == "running" else [])]
    account = house.driver().account
    assert account.run_state == (RunState.PAUSED if state == "paused" else RunState.WAITING_FOR_MEMBERS)
    assert run.config is not None
    assert run.model is not None
    assert account.progress == {
        "epoch": 0,
        "step": 7,
        "epoch_start_data_index": data_index_for_step(7, run.config, run.model),
    }
    again = applied(house, replace(run, start_step=9), tmp_path / "later.toml")
    assert again["already_so"], "the key is about a run that was never started"


@pytest.mark.parametrize("executes", [False, True], ids=["before", "after"])
def test_killed_at_the_first_step(house: House, tmp_path: Path, executes: bool) -> None:
    file = write_declared_run(replace(base_run(house), start_step=7), tmp_path / "run.toml")
    plan = house.cli("plan", file, "--output", "json").json["data"]
    assert plan["steps"][-1]["kind"] == "set-step"
    killed(house, "sendTransaction", "apply", file, "--yes", executes=executes, nth=plan["transactions"])
    house.cli.json("apply", file, "--yes")
    assert house.driver().account.step == 7
    assert house.chain.dispatcher.context.bank.history.total == plan["transactions"]


def test_a_step_that_leaves_none_to_train(house: House, tmp_path: Path) -> None:
    file = write_declared_run(replace(base_run(house), start_step=500), tmp_path / "run.toml")
    refused = house.cli("apply", file, "--yes")
    assert refused.code is ExitCode.REFUSED
    assert "it is at step 500, and total_steps is 500" in refused.stderr
    assert house.chain.sent == 0
