"""``simulate`` through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.load import load_run_config
from tests.cli.conftest import MINIMAL, House
from tests.cli.harness import CommandLine

NEW = ("simulate", "--config", MINIMAL)


def written(folder: Path, **values: int) -> Path:
    """The minimal example with other values in its ``config`` table."""
    lines = MINIMAL.read_text(encoding="utf-8").splitlines()
    changed = []
    for line in lines:
        key = line.partition("=")[0].strip()
        changed.append(f"{key} = {values[key]}" if key in values else line)
    path = folder / "changed.toml"
    path.write_text("\n".join(changed), encoding="utf-8")
    return path


def test_the_whole_run_of_the_minimal_example(offline: CommandLine) -> None:
    data = offline.json(*NEW, "--clients", 3, "--earning-rate", "10")
    preview = offline.json("config", "preview", MINIMAL)
    for name in ("steps", "epochs", "seconds", "tokens"):
        assert data[name] == preview[name]
    assert (data["end"], data["state"], data["reason"]) == ("finished", "Finished", "All steps are trained.")
    assert (data["clients"], data["rules"], data["run_id"], data["starts_at"]) == (3, "current", None, None)
    # 10 tokens are 3.333333 for each of three members.
    assert data["rewards"]["per_epoch"] == {"base_units": 10_000_000, "amount": 10}
    assert data["rewards"]["paid"]["base_units"] == 72 * 9_999_999 == data["rewards"]["missing"]["base_units"]
    assert [member["earned"]["base_units"] for member in data["members"]] == [72 * 3_333_333] * 3
    assert [epoch["epoch"] for epoch in data["shown_epochs"]] == [0, 1, 2, 3, 4, 5, 66, 67, 68, 69, 70, 71]
    assert data["shown_epochs"][0] == {
        "epoch": 0,
        "waiting_after": 0,
        "warmup_after": 2,
        "training_after": 12,
        "cooldown_after": 96,
        "ended_after": 101,
        "first_step": 1,
        "rounds": 7,
        "clients": 3,
        "clients_left": 3,
        "tokens": 7 * 4 * 256,
        "paid": {"base_units": 9_999_999, "amount": 9.999999},
        "end": "last-round",
    }


def test_all_states_on_request(offline: CommandLine) -> None:
    data = offline.json(*NEW, "--clients", 2, "--epochs", 1, "--rows", 1000)
    assert (data["end"], data["epochs"], data["seconds"]) == ("epochs", 1, 101)
    states = data["shown_states"]
    assert len(states) == data["states"] == 2 + 2 * 7 + 2
    assert [state["after"] for state in states[1:]] == [state["after"] + state["seconds"] for state in states[:-1]]
    assert [one["state"] for one in states[:4]] == ["WaitingForMembers", "Warmup", "RoundTrain", "RoundWitness"]
    assert [one["state"] for one in states[-2:]] == ["Cooldown", "WaitingForMembers"]


def test_too_many_states_for_the_output(offline: CommandLine, tmp_path: Path) -> None:
    words = ("simulate", "--config", written(tmp_path, total_steps=10**6, epoch_time=10**9), "--clients", 1)
    outcome = offline(*words, "--rows", 10_000_000)
    assert (outcome.code, outcome.stdout) == (ExitCode.USAGE, "")
    assert "The output would have 2,000,002 states, but can have at most 200,000." in outcome.stderr
    assert offline(*words).code is ExitCode.OK


def test_faster_members(offline: CommandLine) -> None:
    data = offline.json(*NEW, "--clients", 2, "--train-seconds", 3, "--warmup-seconds", 1, "--epochs", 1)
    [epoch] = data["shown_epochs"]
    assert (epoch["training_after"], epoch["rounds"]) == (3, 14)
    assert (data["train_seconds"], data["warmup_seconds"]) == (3, 1)


def test_members_that_stop_and_come(offline: CommandLine) -> None:
    words = ("--clients", 4, "--drop", "2@3", "--join", "1@9", "--epochs", 3, "--earning-rate", "12")
    data = offline.json(*NEW, *words)
    assert [(one["clients"], one["clients_left"]) for one in data["shown_epochs"]] == [(4, 2), (2, 2), (3, 3)]
    assert [one["present"] for one in data["members"]] == [True, True, False, False, True]
    earned = [one["earned"]["amount"] for one in data["members"]]
    assert earned == [16, 16, 0, 0, 4]
    outcome = offline(*NEW, *words)
    assert "4 to 2" in outcome.stdout
    assert "0 to 16" in outcome.stdout


def test_members_that_are_replaced_at_the_same_step(offline: CommandLine) -> None:
    data = offline.json(*NEW, "--clients", 2, "--join", "2@9", "--drop", "2@9", "--epochs", 3)
    assert [one["present"] for one in data["members"]] == [False, False, True, True]
    assert [one["joined"] for one in data["members"]] == [True] * 4


def test_a_run_with_a_single_step_cannot_be_started(offline: CommandLine, tmp_path: Path) -> None:
    outcome = offline("simulate", "--config", written(tmp_path, total_steps=1), "--clients", 2)
    assert outcome.code is ExitCode.OK
    assert "The run cannot be started: its step is 1, and total_steps is 1." in outcome.stdout


def test_epochs_in_which_members_change_are_shown(offline: CommandLine) -> None:
    words = ("--clients", 5, "--drop", "1@200", "--join", "1@300", "--rows", 6)
    data = offline.json(*NEW, *words)
    assert [one["epoch"] for one in data["shown_epochs"]] == [0, 1, 28, 43, 70, 71]
    assert [(one["clients"], one["clients_left"]) for one in data["shown_epochs"][1:4]] == [(5, 5), (5, 4), (5, 5)]
    lines = offline(*NEW, *words).stdout.splitlines()
    assert [line for line in lines if "more epoch" in line] == [
        "… 26 more epochs",
        "… 14 more epochs",
        "… 26 more epochs",
    ]


def test_a_run_that_waits_forever_is_a_result(offline: CommandLine, tmp_path: Path) -> None:
    outcome = offline("simulate", "--config", written(tmp_path, init_min_clients=5), "--clients", 3)
    assert outcome.code is ExitCode.OK
    assert "The run stays in WaitingForMembers forever: 3 members join, but init_min_clients is 5." in outcome.stdout


def test_too_many_wallets_for_the_batch_size(offline: CommandLine) -> None:
    outcome = offline(*NEW, "--clients", 20, "--epochs", 1)
    assert outcome.code is ExitCode.OK
    limit = load_run_config(MINIMAL).config["global_batch_size_end"]
    assert f"{20 - limit} members cannot join: the run is limited to {limit} wallets" in outcome.stderr


def test_a_pause_and_a_change_that_comes_too_late(offline: CommandLine) -> None:
    outcome = offline(*NEW, "--clients", 2, "--pause-at", 5, "--join", "1@400", "--earning-rate", "7")
    assert "The owner paused the run." in outcome.stdout
    assert "Warning: The join planned for step 400 does not happen: the run ends at step 6." in outcome.stderr
    data = offline.json(*NEW, "--clients", 2, "--pause-at", 5)
    assert (data["end"], data["state"], data["rewards"]["paid"]["base_units"]) == ("paused", "Paused", 0)


def test_older_rules(offline: CommandLine) -> None:
    older = ("--clients", 2, "--rules", "older", "--rounds-per-epoch", 4, "--epochs", 2)
    with_time = offline.json(*NEW, *older)["shown_epochs"]
    assert [(one["rounds"], one["ended_after"] - one["cooldown_after"]) for one in with_time] == [(4, 5), (4, 5)]
    with_checkpoint = offline.json(*NEW, *older, "--checkpoint-seconds", 1)["shown_epochs"]
    assert [one["ended_after"] - one["cooldown_after"] for one in with_checkpoint] == [2, 2]


def test_a_configuration_from_standard_input(offline: CommandLine) -> None:
    outcome = offline("simulate", "--config", "-", "--clients", 2, stdin=MINIMAL.read_text(encoding="utf-8"))
    assert outcome.stdout.startswith("<stdin>: 499 steps in 72 epochs and 2h12s with 2 members. All steps are trained.")


def test_a_timeline(offline: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "run.svg"
    data = offline.json(*NEW, "--clients", 2, "--earning-rate", "7", "--svg", path)
    assert data["svg"] == str(path)
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"State", "Step", "Clients of the epoch", "Rewards paid", "Training", "Cooldown", "2h12s"} <= set(texts)
    again = offline(*NEW, "--clients", 2, "--svg", path)
    assert again.code is ExitCode.USAGE
    assert "already exists and will not be overwritten" in again.stderr


def test_the_picture_in_the_documentation(offline: CommandLine, tmp_path: Path) -> None:
    changes = ("--drop", "4@100", "--join", "3@250", "--drop", "8@400")
    path, picture = tmp_path / "simulation.svg", Path("docs", "pictures", "simulation.svg")
    offline.json(*NEW, "--clients", 12, *changes, "--earning-rate", "12.5", "--svg", path)
    command = "psyche-cli simulate --config configs/minimal.toml ... --svg"
    assert picture.read_bytes() == path.read_bytes(), f"write it again with {command} {picture}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--config", MINIMAL), "--clients N is missing."),
        (("--clients", "3"), "--config FILE is missing."),
        (("--config", MINIMAL, "--clients", "0"), "0"),
        (("--config", MINIMAL, "--clients", "257"), "257"),
        (
            ("--config", MINIMAL, "--clients", "2", "--drop", "3@5"),
            "--drop 3@5 is more than the members there are: 2 at that step.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--drop", "2@5", "--join", "1@6", "--drop", "2@7"),
            "--drop 2@7 is more than the members there are: 1 at that step.",
        ),
        (
            ("--config", MINIMAL, "--clients", "200", "--join", "57@5"),
            "257 wallets are too many: at most 256 can join a run in its lifetime.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--drop", "1@x"),
            "--drop must be a number of members and a step, but is '1@x'.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--join", "0@5"),
            "--join must be a number of members and a step, but is '0@5'.",
        ),
        (("--config", MINIMAL, "--clients", "2", "--join", "300@5"), "N from 1 to 256, STEP from 1 to 4294967295."),
        (
            ("--config", MINIMAL, "--clients", "2", "--drop", "3@5", "--join", "3@5"),
            "--drop 3@5 is more than the members there are: 2 at that step.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--train-seconds", "11"),
            "--train-seconds 11 exceeds max_round_train_time, which is 10.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--warmup-seconds", "11"),
            "--warmup-seconds 11 exceeds warmup_time, which is 10.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--rules", "older"),
            "The older rules need the number of rounds in an epoch.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--rounds-per-epoch", "4"),
            "--rounds-per-epoch does not apply: an epoch has a fixed time.",
        ),
        (
            ("--config", MINIMAL, "--clients", "2", "--checkpoint-seconds", "4"),
            "--checkpoint-seconds does not apply: a checkpoint does not end Cooldown.",
        ),
        (("--config", MINIMAL, "--clients", "2", "--earning-rate", "-1"), "earning rate"),
        (("--from-run", "test", "--decimals", "2"), "Cannot use --decimals together with --from-run."),
    ],
)
def test_invalid_options(offline: CommandLine, words: tuple[object, ...], message: str) -> None:
    outcome = offline("simulate", *words)
    assert (outcome.code, outcome.stdout) == (ExitCode.USAGE, "")
    assert message in outcome.stderr
    assert offline("simulate", *words, "--output", "json").json["ok"] is False


def test_an_invalid_configuration(offline: CommandLine, tmp_path: Path) -> None:
    outcome = offline("simulate", "--config", written(tmp_path, cooldown_time=0), "--clients", 2)
    assert outcome.code is ExitCode.CONFIGURATION
    assert "CooldownTime" in outcome.stderr


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("total", [8, 70_000])
def test_the_tables_fit_the_terminal(offline: CommandLine, tmp_path: Path, columns: int, total: int) -> None:
    path = written(tmp_path, total_steps=total)
    outcome = offline(
        "simulate", "--config", path, "--clients", 12, "--drop", "1@3", "--earning-rate", "1234.56",
        variables={"COLUMNS": str(columns)},
    )  # fmt: skip
    lines = outcome.stdout.splitlines()
    tables = lines[lines.index("") :]
    assert max(map(len, tables)) <= columns
    assert len(tables) < 35
    assert ("… 9,988 more epochs" in tables) is (total == 70_000), tables


# --- from the present state of a run ---------------------------------------------------------------------------------


def test_a_new_run_needs_a_configuration_and_members(still_house: House) -> None:
    house = still_house
    house.run(configured=False)
    outcome = house.cli("simulate", "--from-run", "test", "--clients", 2)
    assert outcome.code is ExitCode.REFUSED
    assert "Run 'test' has no configuration yet." in outcome.stderr
    outcome = house.cli("simulate", "--from-run", "test", "--config", MINIMAL)
    assert outcome.code is ExitCode.USAGE
    assert "Run 'test' has no members now." in outcome.stderr
    data = house.cli.json("simulate", "--from-run", "test", "--config", MINIMAL, "--clients", 2)
    assert (data["end"], data["run_id"], data["starts_at"]) == ("finished", "test", 1_800_000_000)
    assert house.cli("simulate", "--from-run", "nothing", "--clients", 2).code is ExitCode.NOT_FOUND


def test_a_running_run_goes_as_predicted(still_house: House) -> None:
    house = still_house
    house.run(treasurer=True)
    house.cli.json("set-future-epoch-rates", "--run-id", "test", "--earning-rate", "10")
    house.cli.json("treasurer-top-up-rewards", "--run-id", "test", "--collateral-amount", "25")
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    driver = house.driver()
    driver.permit_everyone()
    driver.start_training(0, 1, 2)
    driver.play_round()
    before = len(house.chain.requests)
    data = house.cli.json("simulate", "--from-run", "test", "--train-seconds", 1, "--epochs", 3)
    assert len(house.chain.requests) - before == 2
    assert data["clients"] == 3
    first = data["shown_epochs"][0]
    assert (first["waiting_after"], first["training_after"]) == (None, None)
    assert data["rewards"]["vault_amount"]["amount"] == 25
    assert data["rewards"]["missing"]["base_units"] == 3 * 9_999_999 - 25_000_000
    assert data["rewards"]["first_unfunded_epoch"] == 2
    # The present epoch goes on as predicted: rounds of one second, and the time of the witnesses.
    start = driver.now
    while driver.stage != RunState.COOLDOWN:
        driver.play_round()
    assert driver.now - start == first["cooldown_after"]
    assert driver.end_cooldown() == RunState.WAITING_FOR_MEMBERS
    assert driver.now - start == first["ended_after"]
    assert driver.account.step - driver.account.epoch_start_step == first["rounds"]
    assert sum(client.earned for client in driver.account.clients) == first["paid"]["base_units"]
    outcome = house.cli("simulate", "--from-run", "test", "--epochs", 9)
    assert "Warning: The vault does not cover the rewards from epoch 2 on." in outcome.stderr
    assert "already owed" in outcome.stdout


def test_fewer_or_more_members_than_the_run_has(still_house: House) -> None:
    house = still_house
    house.run()
    driver = house.driver()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    driver.permit_everyone()
    driver.start_training(0, 1, 2)
    wallets = [str(wallet.address) for wallet in driver.members]
    fewer = house.cli.json("simulate", "--from-run", "test", "--clients", 2, "--epochs", 2)
    assert [(one["wallet"], one["present"]) for one in fewer["members"]] == list(
        zip(wallets, [True, True, False], strict=True)
    )
    more = house.cli.json("simulate", "--from-run", "test", "--clients", 5, "--epochs", 2)
    assert [one["wallet"] for one in more["members"]] == [*wallets, None, None]
    assert [one["clients"] for one in more["shown_epochs"]] == [3, 5]


def test_the_configuration_of_a_running_run_cannot_be_replaced(still_house: House) -> None:
    house = still_house
    house.run()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    outcome = house.cli("simulate", "--from-run", "test", "--config", MINIMAL, "--clients", 2)
    assert outcome.code is ExitCode.REFUSED
    assert "cannot be replaced in the state Waiting for members" in outcome.stderr


def test_a_paused_run_is_resumed_and_a_finished_one_stays(still_house: House) -> None:
    house = still_house
    house.run()
    driver = house.driver()
    house.cli.json("set-paused", "--run-id", "test", "--resume")
    driver.permit_everyone()
    driver.enter_warmup(0, 1)
    driver.pause()
    data = house.cli.json("simulate", "--from-run", "test", "--epochs", 1)
    assert (data["clients"], data["shown_states"][0]["state"], data["epochs"]) == (2, "WaitingForMembers", 1)
    house.enter(RunState.FINISHED)
    finished: Any = house.cli.json("simulate", "--from-run", "test")
    assert (finished["end"], finished["seconds"], finished["epochs"]) == ("finished", 0, 0)


def test_one_line_of_json(offline: CommandLine) -> None:
    outcome = offline(*NEW, "--clients", 2, "--output", "json-compact")
    assert len(outcome.stdout.splitlines()) == 1
    assert json.loads(outcome.stdout)["data"]["epochs"] == 72
