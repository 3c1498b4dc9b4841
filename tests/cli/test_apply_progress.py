"""What ``apply`` says while it works: JSON lines in a pipe, numbered steps on stderr."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_file.wanted import WantedAuthorization, WantedRun
from tests.cli.conftest import House
from tests.cli.harness import environment_of, text_of
from tests.cli.killing import killed
from tests.support.declared_runs import KEYS, EpochEnds, NoEnd, apply_file, variations, write_declared_run
from tests.support.terminals import Terminal


def lines_of(stdout: str) -> list[Any]:
    return [json.loads(line) for line in stdout.splitlines()]


@pytest.fixture
def file(base: WantedRun, tmp_path: Path) -> Path:
    """The file of a run that takes eight steps."""
    return write_declared_run(base, tmp_path / "a.toml")


@pytest.fixture
def pausing(house: House, base: WantedRun, file: Path) -> Path:
    """The file of a run in training that takes four steps: pause, wait, update and resume."""
    running = replace(base, state="running", resets_checkpoint=False)
    assert apply_file(house, write_declared_run(running, file)).code is ExitCode.OK
    house.enter(RunState.ROUND_TRAIN)
    return write_declared_run(variations(running)["config.epoch_time"](running), file)


@pytest.mark.parametrize("words", [(), ("--jsonl",), ("--output", "json", "--jsonl")])
def test_json_lines_have_what_is_new(house: House, file: Path, words: tuple[str, ...]) -> None:
    """Two per step, with its transactions, and the last one with the whole result."""
    *events, last = lines_of(house.cli("apply", file, "--yes", *words).stdout)
    data = [event["data"] for event in events]
    assert [one["event"] for one in data] == ["begun", "done"] * 8
    assert [(one["number"], one["count"]) for one in data] == [(number // 2 + 1, 8) for number in range(16)]
    assert {one["finished"] for one in data} == {False}
    assert last["data"]["finished"] is True
    assert [step["title"] for step in last["data"]["steps"]] == [one["title"] for one in data[::2]]
    assert [len(event["transactions"]) for event in events] == [0, 1] * 8
    assert [one for event in events for one in event["transactions"]] == last["transactions"]


def test_json_lines_of_nothing_and_of_errors(house: House, base: WantedRun, file: Path) -> None:
    assert apply_file(house, file).code is ExitCode.OK
    [nothing] = lines_of(house.cli("apply", file, "--yes").stdout)
    assert nothing["data"]["already_so"] is True
    write_declared_run(variations(base)["metadata.name"](base), file)
    [refused] = lines_of(house.cli("apply", file).stdout)
    assert refused["error"]["code"] == "not_confirmed"


def test_json_lines_of_a_wait(house: House, pausing: Path) -> None:
    """The state of the run and the time, every ten seconds; the last line is the error."""
    house.cli.clock = NoEnd(house)
    *events, last = lines_of(house.cli("apply", pausing, "--yes", "--wait", "35s").stdout)
    assert last["error"]["code"] == "not_reached"
    waits = [event["data"]["waiting"] for event in events if event["data"]["event"] == "waiting"]
    assert [(one["state"], one["limit"]) for one in waits] == [("Training", 35)] * 4
    assert [one["seconds"] // 10 for one in waits] == [0, 1, 2, 3]
    assert [event["data"]["event"] for event in events] == ["begun", "done", "begun", *["waiting"] * 4]
    assert len({len(json.dumps(event)) // 1000 for event in events if event["data"]["event"] == "waiting"}) == 1


def test_text_at_a_terminal_and_on_request(house: House, base: WantedRun, file: Path) -> None:
    at_terminal = environment_of(house.cli).replaced(stdout=Terminal(), stderr=Terminal())
    assert main(["apply", str(file), "--yes"], at_terminal) is ExitCode.OK
    assert "Run test matches its file, after 8 steps." in text_of(at_terminal.stdout)
    asked = house.cli("apply", file, "--yes", "--output", "human")
    assert asked.stdout.startswith("Run test matches its file")
    document = house.cli("apply", file, "--yes", "--output", "json")
    assert document.json["data"]["finished"] is True


def steps_of(stderr: str) -> list[str]:
    return re.findall(r"^Step (\d+ of \d+):", stderr, re.MULTILINE)


def test_the_number_of_steps_does_not_change(house: House, pausing: Path) -> None:
    """A pause may take effect at once, so that nothing is waited for."""
    house.enter(RunState.WAITING_FOR_MEMBERS)
    assert steps_of(house.cli("apply", pausing, "--yes").stderr) == ["1 of 4", "3 of 4", "4 of 4"]


def test_an_interrupted_plan_continues_with_its_numbers(house: House, pausing: Path) -> None:
    plan = pausing.with_name("plan.json")
    assert house.cli("plan", pausing, "-o", plan).code is ExitCode.DIFFERS
    house.cli.clock = EpochEnds(house)
    killed(house, "sendTransaction", "apply", plan, "--yes", executes=True, nth=2)
    assert steps_of(house.cli("apply", plan, "--yes").stderr) == ["4 of 4"]


def test_an_authorization_takes_as_many_round_trips_as_its_own_verb(house: House, base: WantedRun, file: Path) -> None:
    """The run is read again after all of them, not after each."""
    apply_file(house, file)
    before = len(house.chain.requests)
    house.cli.json("join-authorization-create", "--authorizer", KEYS[30])
    alone = len(house.chain.requests) - before
    trips = []
    for first, last in ((2, 4), (4, 14)):
        listed = (
            *base.join.authorizations,
            *(WantedAuthorization(key) for key in KEYS[2:last]),
            WantedAuthorization(KEYS[30]),
        )
        write_declared_run(replace(base, join=replace(base.join, authorizations=listed)), file)
        before = len(house.chain.requests)
        applied = apply_file(house, file).json["data"]["steps"]
        trips.append(len(house.chain.requests) - before)
        assert [one["subject"] for one in applied] == [str(key) for key in KEYS[first:last]]
    assert trips[1] - trips[0] == 8 * alone
    assert alone <= 5


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_lines_of_a_plan_and_of_drift_fit_on_a_terminal(
    house: House, base: WantedRun, file: Path, columns: int
) -> None:
    house.cli.json("create-run", "--run-id", "test")
    for verb in ("plan", "drift"):
        plain = house.cli(verb, file).stdout.splitlines()
        environment = environment_of(house.cli, {"COLUMNS": str(columns), "NO_COLOR": "1"})
        environment.stdout = Terminal()
        assert main([verb, str(file)], environment) in (ExitCode.DIFFERS, ExitCode.REFUSED)
        shown = text_of(environment.stdout).splitlines()
        assert max(map(len, shown)) <= columns < max(map(len, plain))
        assert len(shown) > len(plain)
        assert "".join(" ".join(shown).split()) == "".join(" ".join(plain).split())
