"""``show``: the screen of runs in every state, at several widths, and its JSON."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from scripts.write_show_picture import ROOT, TARGET, picture, shown_run
from tests.cli.conftest import House
from tests.cli.harness import environment_of
from tests.cli.test_layouts import OTHERS, lay_out
from tests.support.run_driver import Failed
from tests.support.shown_runs import RUNS, START
from tests.support.terminals import Terminal

SNAPSHOTS = Path(__file__).with_name("snapshots")
SHOW = ("show", "--run-id", "test")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_SIGNATURE = re.compile(r"[1-9A-HJ-NP-Za-km-z]{8}\.\.\.")


def check_snapshot(name: str, text: str) -> None:
    """Compare with a reviewed file. With the variable WRITE_SNAPSHOTS, write it instead."""
    text = _SIGNATURE.sub("1111abcd...", text)
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("WRITE_SNAPSHOTS"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def screen_of(house: House, columns: int) -> str:
    outcome = house.cli(*SHOW, variables={"COLUMNS": str(columns)})
    assert outcome.code is ExitCode.OK, outcome.stderr
    assert outcome.stderr == ""
    assert max(map(len, outcome.stdout.splitlines()[1:])) <= columns
    return outcome.stdout


@pytest.mark.parametrize("name", RUNS)
def test_the_screen_of_a_run_in_each_state(still_house: House, name: str) -> None:
    run = RUNS[name](still_house.driver())
    texts = {columns: screen_of(still_house, columns) for columns in (80, 120, 40)}
    for columns in (80, 120):
        check_snapshot(f"show-{name}-{columns}", texts[columns])
    data = still_house.cli.json(*SHOW)
    assert (data["state"], data["now"]) == (run.stage.text, run.now)
    assert f"[{run.stage.variant}]" in texts[40]


def test_every_state_is_shown() -> None:
    stages = {name.split("-")[0] for name in RUNS}
    assert stages >= {"configured", "waiting", "warmup", "training", "witness", "cooldown", "paused", "finished"}
    assert len(RunState) == 8


def with_rewards(house: House) -> None:
    house.run(treasurer=True)
    house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "1000.25")
    rates = ("--earning-rate", "12.5", "--slashing-rate", "1")
    house.cli.json("set-future-epoch-rates", "--run-id", "test", *rates)
    house.cli.json("set-paused", "--run-id", "test", "--resume")


def test_a_run_with_a_treasurer(still_house: House) -> None:
    with_rewards(still_house)
    for columns in (80, 120):
        check_snapshot(f"show-treasury-{columns}", screen_of(still_house, columns))
    treasury = still_house.cli.json(*SHOW)["treasury"]
    assert (treasury["held"]["base_units"], treasury["cover"]["epochs"]) == (1_000_250_000, 80)


def test_a_vault_that_cannot_pay_needs_attention(still_house: House) -> None:
    still_house.run(treasurer=True)
    still_house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "12.5")
    data = still_house.cli.json(*SHOW)
    assert [(one["rule"], one["severity"]) for one in data["attention"]] == [
        ("not-started", "blocking"),
        ("treasury-short", "warning"),
    ]
    assert data["healthy"] is False
    text = " ".join(screen_of(still_house, 80).split())
    assert all(one["sentence"] in text for one in data["attention"])
    assert "what to do psyche-cli explain --run-id test" in text
    assert "nothing needs attention" not in text


def test_a_new_run_has_no_progress_and_no_estimates(still_house: House) -> None:
    still_house.run(configured=False)
    check_snapshot("show-new-80", screen_of(still_house, 80))
    data = still_house.cli.json(*SHOW)
    assert (data["since"], data["epoch_progress"], data["progress"]["seconds_left"]) == (None, None, None)


def test_a_terminal_shows_colors_and_an_ascii_terminal_no_other_characters(still_house: House) -> None:
    RUNS["training"](still_house.driver())
    terminal = Terminal()
    main(list(SHOW), environment_of(still_house.cli).replaced(stdout=terminal))
    check_snapshot("show-training-80-colored", terminal.getvalue())
    plain = screen_of(still_house, 80)
    assert _ESCAPES.sub("", terminal.getvalue()) == plain
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    main(list(SHOW), environment_of(still_house.cli).replaced(stdout=ascii_only))
    ascii_only.seek(0)
    assert ascii_only.read() == plain.replace("█", "#").replace("░", ".")


def test_the_json_has_everything_on_the_screen_as_values(still_house: House) -> None:
    RUNS["training"](still_house.driver())
    data = still_house.cli.json(*SHOW)
    now = data["now"]
    assert data["ends"] == {
        "waits_for": "reports", "present": 1, "needed": 3, "missing": 2, "earliest": now, "latest": now + 14,
        "seconds_left": 14, "overdue_seconds": 0,
    }  # fmt: skip
    assert data["epoch_progress"] == {
        "start": START + 7, "rounds_done": 3, "fewest_rounds_left": 2, "most_rounds_left": 2,
        "estimated_rounds_left": 2, "earliest_end": now + 13, "latest_end": now + 47, "estimated_end": now + 47,
    }  # fmt: skip
    assert data["members"] == {
        "all": 5, "in_epoch": 3, "alive": 3, "exited": 1, "pending": 1, "joined_next": 2, "must_join_again": 3
    }  # fmt: skip
    assert data["witnesses"] == {"received": 1, "expected": 3, "needed": 1}
    assert [one["error"] for one in data["transactions"]] == [None] * 3
    assert [one["rule"] for one in data["attention"]] == ["members-left"]


def test_the_suggested_command_repeats_the_options(still_house: House) -> None:
    RUNS["configured"](still_house.driver("-my run"))
    words = ("show", "--run-id=-my run", "--rpc", "http://127.0.0.1:10001")
    command = "psyche-cli explain --run-id='-my run' --rpc http://127.0.0.1:10001"
    lines = still_house.cli(*words, variables={"COLUMNS": "120"}).stdout.splitlines()
    assert f"  what to do    {command}" in lines
    lines = still_house.cli(*words, variables={"COLUMNS": "60"}).stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  what to do"))
    assert lines[first].endswith(" \\")
    pasted = "\n".join(line[16:] for line in lines[first : first + 2])
    assert pasted.replace("\\\n", "") == command


def test_a_failed_transaction_is_marked(still_house: House) -> None:
    run = RUNS["waiting"](still_house.driver())
    with pytest.raises(Failed):
        run.checkpoint(0, {"Hub": {"repo_id": "a/b", "revision": None}})  # it is not in an epoch
    assert "failed" in screen_of(still_house, 80)
    assert still_house.cli.json(*SHOW)["transactions"][0]["error"] is not None


def test_names_from_the_chain_are_shown_as_text(still_house: House) -> None:
    still_house.run()
    still_house.write_metadata("test", name="\x1b[31m[bold]red\u202e")
    terminal = Terminal()
    main(list(SHOW), environment_of(still_house.cli).replaced(stdout=terminal))
    assert "[bold]red\N{REPLACEMENT CHARACTER}" in terminal.getvalue()
    assert "\x1b[31m[" not in terminal.getvalue()
    assert "\u202e" not in terminal.getvalue()


@pytest.mark.parametrize("name", OTHERS)
def test_a_run_of_another_layout_is_shown_as_far_as_it_can_be(still_house: House, name: str) -> None:
    with_rewards(still_house)
    still_house.join(still_house.stranger)
    lay_out(still_house, name)
    text = screen_of(still_house, 80)
    assert f"layout        {name}, which psyche-cli can read but not change" in text
    data = still_house.cli.json(*SHOW)
    assert (data["layout"], data["state"], data["members"]["all"]) == (name, "Waiting for members", 1)
    assert (data["ends"] is None) == (data["healthy"] is None) == (data["progress"]["tokens_done"] is None)
    if data["ends"] is None:
        check_snapshot(f"show-layout-{name}-80", text)


@pytest.mark.parametrize("name", OTHERS)
def test_an_epoch_in_progress_is_shown_in_every_layout(still_house: House, name: str) -> None:
    RUNS["training"](still_house.driver())
    lay_out(still_house, name)
    text = screen_of(still_house, 80)
    assert "[RoundTrain]" in text
    assert "3 alive, 1 exited" in text
    assert "has not begun" not in text


def test_the_picture_in_the_readme_is_current_and_escapes_names() -> None:
    data = shown_run()
    assert TARGET.read_text(encoding="utf-8") == picture(data), "run scripts/write_show_picture.py"
    assert f"docs/pictures/{TARGET.name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    strange = picture(replace(data, name="<script>&\x1b[31m"))
    assert "&lt;script&gt;&amp;\N{REPLACEMENT CHARACTER}[31m" in strange
    assert "<script>" not in strange


def test_a_run_that_does_not_exist_is_reported(still_house: House) -> None:
    outcome = still_house.cli("show", "--run-id", "other", "--output", "json")
    assert outcome.code is ExitCode.NOT_FOUND
    error: Any = outcome.json["error"]
    assert error["code"] == "run_not_found"
