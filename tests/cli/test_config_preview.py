"""``config preview`` through the command line."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.operations.config.preview import preview
from psyche_cli.operations.config.reward_rate import RewardRate
from psyche_cli.run_config.load import parse_run_config
from tests.cli.conftest import CONFIGS, MINIMAL, House
from tests.cli.harness import CommandLine, environment_of
from tests.run_config.sample import toml_text
from tests.run_config.strategies import documents
from tests.support.counts import repetitions

PREVIEW = ("config", "preview", MINIMAL)


def test_the_numbers_of_the_minimal_example(offline: CommandLine) -> None:
    """Warmup 10 s, rounds of 12 s; the epoch's 60 s have passed after the fifth, so there are seven."""
    data = offline.json(*PREVIEW, "--steps", "499,1,91,90")
    assert data["epoch"] == {
        "waiting_seconds": 2,
        "warmup_seconds": 10,
        "train_seconds": 10,
        "witness_seconds": 2,
        "cooldown_seconds": 5,
        "rounds": 7,
        "seconds": 2 + 10 + 7 * 12 + 5,
    }
    assert (data["steps"], data["epochs"], data["seconds"]) == (499, 72, 72 * 17 + 499 * 12)
    assert [step["step"] for step in data["shown_steps"]] == [1, 90, 91, 499]
    first, before, full, last = data["shown_steps"]
    assert (first["epoch"], first["starts_after_seconds"], first["tokens_before"]) == (0, 12, 0)
    assert (first["batch_size"], before["batch_size"], full["batch_size"]) == (4, 15, 16)
    assert (full["tokens"], full["tokens_before"]) == (4096, before["tokens_before"] + before["tokens"])
    assert data["tokens"] == last["tokens_before"] + last["tokens"]
    assert data["final_batch_size_step"] == 91
    assert data["rewards"] is data["svg"] is None


def test_a_faster_pace(offline: CommandLine) -> None:
    data = offline.json(*PREVIEW, "--train-seconds", 3)
    assert (data["epoch"]["rounds"], data["epoch"]["train_seconds"]) == (12, 3)
    outcome = offline(*PREVIEW, "--train-seconds", 11)
    assert outcome.code is ExitCode.USAGE
    assert "--train-seconds 11 exceeds max_round_train_time, which is 10." in outcome.stderr


def test_money_is_exact_and_never_understated(offline: CommandLine) -> None:
    rewards = offline.json(*PREVIEW, "--earning-rate", "12.5")["rewards"]
    assert rewards["per_epoch"] == {"base_units": 12_500_000, "amount": 12.5}
    assert rewards["per_day"]["base_units"] == -(-12_500_000 * 86_400 // 101) == 10_693_069_307
    assert rewards["whole_run"] == {"base_units": 72 * 12_500_000, "amount": 900.0}
    shown = offline(*PREVIEW, "--earning-rate", "12.5").stdout
    assert "  rewards per day        at most 10693.069307\n" in shown
    points = offline.json(*PREVIEW, "--earning-rate", "7", "--decimals", 0)["rewards"]
    assert points["per_day"]["base_units"] == 5989
    largest = offline.json(*PREVIEW, "--earning-rate", "18446744073709.551615")["rewards"]["per_day"]
    assert largest["base_units_string"] == str(-(-(2**64 - 1) * 86_400 // 101))
    assert Decimal(largest["amount_string"]) == Decimal(largest["base_units_string"]).scaleb(-6)
    for wrong in ("-1", "1e99", "0.0000001", "much"):
        assert offline(*PREVIEW, "--earning-rate", wrong).code is ExitCode.USAGE


def test_the_rate_of_a_run_and_what_its_vault_pays_for(house: House) -> None:
    run = ("--run-id", house.run(treasurer=True))
    words = (*PREVIEW, *run)
    rewards = house.cli.json(*words)["rewards"]
    assert (rewards["per_epoch"]["base_units"], rewards["covered_epochs"]) == (0, None)
    house.cli.json("set-future-epoch-rates", *run, "--earning-rate", "12.5")
    house.cli.json("treasurer-top-up-rewards", *run, "--collateral-amount", "60")
    before = len(house.chain.requests)
    rewards = house.cli.json(*words)["rewards"]
    assert house.chain.requests[before:] == ["getMultipleAccounts"] * 2
    assert (rewards["run_id"], rewards["per_epoch"]["amount"]) == ("test", 12.5)
    assert rewards["collateral_mint"] == house.dump()["treasurer_run"]["collateral_mint"]
    assert rewards["per_day"]["base_units"] == 10_693_069_307  # as without a run
    assert rewards["vault_available"]["amount"] == 60
    assert (rewards["covered_epochs"], rewards["covered_seconds"]) == (4, 404)
    other = house.cli.json(*words, "--earning-rate", "40")["rewards"]
    assert (other["per_epoch"]["amount"], other["covered_epochs"]) == (40, 1)
    shown = house.cli(*words).stdout
    assert "  left in the vault      60\n" in shown
    assert "  enough for             4 epochs, 6m44s at this pace\n" in shown


def test_the_points_of_a_run_without_a_treasurer(house: House) -> None:
    run = ("--run-id", house.run())
    house.cli.json("set-future-epoch-rates", *run, "--earning-rate", "7")
    rewards = house.cli.json(*PREVIEW, *run)["rewards"]
    assert rewards["collateral_mint"] is rewards["vault_available"] is rewards["covered_epochs"] is None
    assert "at most 5989 points\n" in house.cli(*PREVIEW, *run).stdout


def test_a_run_is_asked_for_only_on_the_command_line_and_last(house: House, offline: CommandLine) -> None:
    assert offline(*PREVIEW, variables={"RUN_ID": "test"}).code is ExitCode.OK
    for wrong in (("--decimals", 6), ("--steps", "0"), ("--train-seconds", 11)):
        assert offline(*PREVIEW, "--run-id", "test", *wrong).code is ExitCode.USAGE
    assert house.cli(*PREVIEW, "--run-id", "other").code is ExitCode.NOT_FOUND
    house.run("other")
    assert house.cli(*PREVIEW, "--run-id", "other", "--earning-rate", "0.5").code is ExitCode.USAGE


def test_the_layout_at_80_columns_and_wide(offline: CommandLine) -> None:
    narrow = offline(*PREVIEW, "--steps", "1,91,499").stdout.splitlines()
    assert max(map(len, narrow[1:])) <= 80
    assert narrow[0] == f"{MINIMAL}: 499 steps in 72 epochs, 2h12s at this pace."
    table = narrow.index("step  epoch  starts after  sequences  tokens before  learning rate")
    assert narrow[table + 2] == "  91     12        21m36s         16        194,560         0.0003"
    assert narrow[table + 4 : table + 6] == ["", "Learning rate"]
    assert "Sequences per step" in narrow
    wide = offline(*PREVIEW, "--steps", "1,91,499", variables={"COLUMNS": "120"}).stdout.splitlines()
    assert 100 < max(map(len, wide[1:])) <= 120
    assert [line.split() for line in wide if line.startswith("Learning rate")] == [
        ["Learning", "rate", "Sequences", "per", "step"]
    ]


def test_a_dump_is_previewed_and_compared_through_a_pipe(house: House) -> None:
    house.run()
    dumped = house.cli("config", "dump", "--run-id", "test").stdout
    assert house.cli("config", "preview", "-", stdin=dumped).stdout.startswith("<stdin>: 499 steps in 72 epochs")
    assert house.cli("config", "check", "-", stdin=dumped).stdout == "<stdin> is valid.\n"
    compared = house.cli("config", "diff", "--run-id", "test", "-", stdin=dumped)
    assert (compared.code, compared.stdout) == (0, "Run test has the same configuration as <stdin>.\n")
    updated = house.cli("update-config", "--run-id", "test", "--config-path", "-", stdin=dumped)
    assert (updated.code, updated.stdout) == (0, "Run test already has these values.\n")
    changed = dumped.replace("cooldown_time = 5", "cooldown_time = 6")
    [value] = house.cli(
        "update-config", "--run-id", "test", "--config-path", "-", "--output", "json", stdin=changed
    ).data["changed"]
    assert (value["key"], value["before"], value["after"]) == ("config.cooldown_time", 5, 6)


@pytest.mark.parametrize("wallet", ["-", "stdin:"])
def test_standard_input_is_read_once(house: House, wallet: str) -> None:
    words = ("update-config", "--run-id", "test", "--config-path", "-", "-w", wallet)
    outcome = house.cli(*words, stdin=MINIMAL.read_text())
    assert outcome.code is ExitCode.USAGE
    assert "cannot both be read from standard input" in outcome.stderr
    broken = house.cli(*words[:-2], stdin="[config]")
    assert broken.code is ExitCode.CONFIGURATION
    assert "<stdin>" in broken.stderr
    assert house.chain.sent == 0


def test_a_stdout_without_braille(offline: CommandLine) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    environment = environment_of(offline).replaced(stdout=stdout, stderr=io.StringIO())
    assert main([str(word) for word in PREVIEW], environment) is ExitCode.OK
    stdout.seek(0)
    shown = stdout.read()
    assert "?" not in shown
    assert "16 |" in shown
    assert "*****" in shown


def test_an_svg_file(offline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "run.svg"
    assert offline.json(*PREVIEW, "--svg", file)["svg"] == str(file)
    root = ElementTree.fromstring(file.read_text(encoding="utf-8"))
    texts = [element.text for element in root.iter()]
    assert "Preview of minimal.toml" in texts
    assert not [text for text in texts if text and str(MINIMAL.parent) in text]
    again = offline(*PREVIEW, "--svg", file)
    assert again.code is ExitCode.USAGE
    assert "already exists and will not be overwritten" in again.stderr


@pytest.mark.parametrize("example", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_has_a_preview(offline: CommandLine, example: Path) -> None:
    data = offline.json("config", "preview", example)
    shown = data["shown_steps"]
    assert shown[0]["step"] == 1
    assert shown[-1]["step"] == data["steps"]
    assert offline("config", "preview", example).code is ExitCode.OK


@settings(max_examples=repetitions(50))
@given(documents())
def test_every_legal_configuration_has_a_preview(content: dict[str, Any]) -> None:
    result = preview(
        parse_run_config(toml_text(content), Path("run.toml")), find_rate=lambda: RewardRate(12_500_000, 6)
    )
    data = result.data
    assert data.steps == content["config"]["total_steps"] - 1
    assert data.epochs * data.epoch.rounds >= data.steps > (data.epochs - 1) * data.epoch.rounds or data.steps == 0
    assert data.tokens == 0 or data.shown_steps[-1].tokens_before + data.shown_steps[-1].tokens == data.tokens
    assert result.body is not None
    for width, utf8 in ((40, True), (80, False), (130, True)):
        assert data.steps == 0 or len(result.body(width, utf8)) > 10


def with_values(tmp_path: Path, **values: int) -> Path:
    lines = [
        f"{key} = {values.get(key, rest)}" if equals else line
        for line in MINIMAL.read_text().splitlines()
        for key, equals, rest in [line.partition(" = ")]
    ]
    file = tmp_path / "changed.toml"
    file.write_text("\n".join(lines))
    return file


def test_a_run_without_steps(offline: CommandLine, tmp_path: Path) -> None:
    file = with_values(tmp_path, total_steps=1)
    data = offline.json("config", "preview", file)
    assert (data["steps"], data["epochs"], data["seconds"], data["tokens"]) == (0, 0, 0, 0)
    assert data["shown_steps"] == []
    assert offline("config", "preview", file).code is ExitCode.OK
    assert offline("config", "preview", file, "--steps", "1").code is ExitCode.USAGE


@pytest.mark.parametrize("steps", ["0", "500", "1,,2", "x", "-1", "1.5", "²", "9" * 5000, ""])
def test_steps_that_are_none(offline: CommandLine, steps: str) -> None:
    outcome = offline(*PREVIEW, "--steps", steps)
    assert outcome.code is ExitCode.USAGE
    assert "--steps 1,500,1000" in outcome.stderr


def test_an_invalid_file_is_refused_with_its_problems(offline: CommandLine, tmp_path: Path) -> None:
    outcome = offline("config", "preview", with_values(tmp_path, cooldown_time=0))
    assert outcome.code is ExitCode.CONFIGURATION
    assert "(rule CooldownTime)" in outcome.stderr
