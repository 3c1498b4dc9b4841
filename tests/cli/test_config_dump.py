"""``config dump`` and ``config diff`` through the command line, against a local validator."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from psyche_cli.cli.app import main
from psyche_cli.errors import ExitCode
from psyche_cli.operations.config.dump import run_config_toml
from psyche_cli.operations.config.values import shown_value
from psyche_cli.operations.runs.find import find_run
from psyche_cli.operations.sessions import reading_session
from psyche_cli.run_config.load import RunConfig, parse_run_config
from tests.cli.conftest import CONFIGS, MINIMAL, House
from tests.cli.harness import environment_of
from tests.run_config.sample import toml_text
from tests.run_config.strategies import documents
from tests.support.counts import repetitions

RUN = ("--run-id", "test")
DUMP = ("config", "dump", *RUN)
DIFF = ("config", "diff", *RUN)


@pytest.mark.parametrize("treasurer", [False, True], ids=["plain", "treasurer"])
@pytest.mark.parametrize("example", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_dump_passes_the_check_and_changes_nothing(
    house: House, tmp_path: Path, example: Path, treasurer: bool
) -> None:
    house.run(treasurer=treasurer, configured=False)
    house.cli.json("update-config", *RUN, "--config-path", example)
    file = tmp_path / "dump.toml"
    assert house.cli.json(*DUMP, "-o", file) == {"run_id": "test", "path": str(file)}
    assert file.read_text() == house.cli(*DUMP).stdout == house.cli.json(*DUMP)["toml"]
    assert house.cli("config", "check", file).code is ExitCode.OK
    for same in (file, example):
        assert house.cli.json(*DIFF, same)["equal"] is True
        updated = house.cli.json("update-config", *RUN, "--config-path", same)
        assert (updated["already_so"], updated["changed"]) == (True, [])


@settings(
    max_examples=repetitions(30), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(content=documents())
def test_every_legal_configuration_round_trips(house: House, tmp_path: Path, content: dict[str, Any]) -> None:
    """Sending the dumped file stores exactly the same bytes on-chain."""
    file, dump = tmp_path / "run.toml", tmp_path / "dump.toml"
    if house.cli("json-dump-run", *RUN).code is not ExitCode.OK:
        house.run(configured=False)
    file.write_text(toml_text(content), encoding="utf-8")
    assert house.cli("update-config", *RUN, "--config-path", file).code is ExitCode.OK
    dump.unlink(missing_ok=True)
    house.cli.json(*DUMP, "-o", dump)
    stored = parse_run_config(dump.read_text(encoding="utf-8"), dump)
    assert house.cli("config", "check", dump).code is ExitCode.OK
    before = image(house)
    assert house.cli.json(*DIFF, dump) == {"run_id": "test", "path": str(dump), "equal": True, "different": []}
    assert house.cli.json("update-config", *RUN, "--config-path", dump)["already_so"] is True
    # Something else in between, so that the file is written once more.
    house.cli.json("update-config", *RUN, "--config-path", MINIMAL)
    house.cli.json("update-config", *RUN, "--config-path", dump)
    assert image(house) == before
    escaped = parse_run_config(dumped_in_ascii(house), dump)
    assert content_of(escaped) == content_of(stored)


def image(house: House) -> tuple[bytes, bytes]:
    """The bytes of the configuration and of the model, as they are on-chain."""
    with reading_session(environment_of(house.cli), rpc="http://127.0.0.1:1") as session:
        coordinator: Any = find_run(session, "test").account.image.state.coordinator
    return bytes(coordinator.config), bytes(coordinator.model)


def dumped_in_ascii(house: House) -> str:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    environment = environment_of(house.cli).replaced(stdout=stdout, stderr=io.StringIO())
    assert main(DUMP, environment) is ExitCode.OK
    stdout.seek(0)
    return stdout.read()


def content_of(loaded: RunConfig) -> tuple[dict[str, int], dict[str, Any]]:
    return loaded.config, loaded.model


def test_the_text_of_a_dump(house: House, tmp_path: Path) -> None:
    house.run(configured=False)
    file = tmp_path / "run.toml"
    text = MINIMAL.read_text().replace('repo_id = "', 'repo_id = "名\\u200d\\"')
    file.write_text(text, encoding="utf-8")
    house.cli.json("update-config", *RUN, "--config-path", file)
    lines = house.cli(*DUMP).stdout.splitlines()
    assert lines[:4] == ["# Configuration of run test, at epoch 0, step 0.", "", "[config]", "warmup_time = 10"]
    assert lines.index("[model.LLM]") == lines.index("total_steps = 500") + 2
    assert 'repo_id = "名\\u200d\\"' in "\n".join(lines)
    assert "compression_decay = 0.999" in lines


def test_a_dump_overwrites_nothing(house: House, tmp_path: Path) -> None:
    house.run()
    file = tmp_path / "mine.toml"
    file.write_text("mine")
    outcome = house.cli(*DUMP, "-o", file)
    assert outcome.code is ExitCode.USAGE
    assert "already exists and will not be overwritten" in outcome.stderr
    assert file.read_text() == "mine"


def test_a_run_without_configuration(house: House) -> None:
    house.run(configured=False)
    outcome = house.cli(*DUMP)
    assert (outcome.code, outcome.stdout) == (ExitCode.REFUSED, "")
    assert "Run 'test' has no configuration yet." in outcome.stderr
    compared = house.cli(*DIFF, MINIMAL, "--output", "json").json
    assert compared["summary"] == "Run test has no configuration yet."
    assert {value["run"] for value in compared["data"]["different"]} == {None}
    assert "config.epoch_time" in [value["key"] for value in compared["data"]["different"]]


def test_a_configuration_that_no_file_can_hold(house: House) -> None:
    """Another client can store numbers beyond TOML's range, and texts that cannot be typed."""
    house.run()

    def change(coordinator: Any) -> None:
        coordinator.state.coordinator.config.epoch_time = 2**63

    house.edit(change)
    outcome = house.cli(*DUMP, "--output", "json")
    assert outcome.code is ExitCode.CONFIGURATION
    [problem] = outcome.json["error"]["context"]["problems"]
    assert (problem["key"], problem["rule"]) == ("config.epoch_time", "OutOfRange")
    assert problem.keys() == {"key", "rule", "message"}


def test_each_difference_is_named_with_both_values(house: House, tmp_path: Path) -> None:
    house.run()
    file = tmp_path / "other.toml"
    text = MINIMAL.read_text().replace("epoch_time = 60", "epoch_time = 90").replace("HfLlama", "HfAuto")
    file.write_text(text)
    outcome = house.cli(*DIFF, file)
    assert (int(outcome.code), outcome.stderr) == (1, "")
    assert outcome.stdout == (
        f"2 values differ between run test and {file}.\n"
        "  config.epoch_time       run 60, file 90\n"
        "  model.LLM.architecture  run 'HfLlama', file 'HfAuto'\n"
    )
    document = house.cli(*DIFF, file, "--output", "json").json
    assert (document["ok"], document["exit_code"]) == (True, 1)
    assert document["data"] == {
        "run_id": "test",
        "path": str(file),
        "equal": False,
        "different": [
            {"key": "config.epoch_time", "run": 60, "file": 90},
            {"key": "model.LLM.architecture", "run": "HfLlama", "file": "HfAuto"},
        ],
    }
    assert house.chain.sent == 2  # that of creating and of configuring the run
    same = house.cli(*DIFF, MINIMAL)
    assert (same.code, same.stdout) == (ExitCode.OK, f"Run test has the same configuration as {MINIMAL}.\n")


def test_values_are_shown_as_in_the_file() -> None:
    shown = shown_value({"Distro": {"clip_grad_norm": None, "quantize_1bit": True, "nesterov": False, "topk": 4}})
    assert shown == "Distro(clip_grad_norm=none, quantize_1bit=true, nesterov=false, topk=4)"


def test_refusals(house: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(MINIMAL.read_text().replace("epoch_time = 60", "epoch_time = 0"))
    assert house.cli(*DIFF, broken).code is ExitCode.CONFIGURATION
    assert house.chain.requests == []
    assert house.cli(*DIFF, MINIMAL).code is ExitCode.NOT_FOUND
    assert house.cli(*DUMP).code is ExitCode.NOT_FOUND
    assert house.cli("config", "diff", *RUN).code is ExitCode.USAGE
    assert house.cli("config", "dump").code is ExitCode.USAGE


def test_a_name_in_a_comment_stays_in_its_line(house: House) -> None:
    run_id = "two\nlines = 1"
    house.cli.json("create-run", "--run-id", "test")
    house.cli.json("update-config", *RUN, "--config-path", MINIMAL)
    with reading_session(environment_of(house.cli), rpc="http://127.0.0.1:1") as session:
        run = find_run(session, "test")._replace(run_id=run_id)
    assert run_config_toml(run).startswith("# Configuration of run two\N{REPLACEMENT CHARACTER}lines = 1, at")
