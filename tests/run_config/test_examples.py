from __future__ import annotations

from typing import Any

import pytest
import typer

from psyche_cli.cli.commands.config import example
from psyche_cli.errors import UsageError
from psyche_cli.resources import example_config_paths
from psyche_cli.results import PlainText
from psyche_cli.run_config.examples import find_example, list_examples
from psyche_cli.run_config.load import load_run_config

NAMES = ["finetune-adamw", "large-wsd", "minimal", "numbered-files", "small-llama"]


def run(*arguments: str) -> PlainText[Any]:
    app = typer.Typer(add_completion=False)
    app.command()(example.command.function)
    result = typer.main.get_command(app).main(args=list(arguments), standalone_mode=False)
    assert isinstance(result, PlainText)
    return result


@pytest.mark.parametrize("name", NAMES)
def test_every_example_passes_all_checks(name: str) -> None:
    loaded = load_run_config(find_example(name).path)
    advice = [warning.rule for warning in loaded.warnings]
    assert advice == (["OptimizerKind"] if name == "finetune-adamw" else [])


def test_all_examples_are_listed_with_what_they_are_for() -> None:
    examples = list_examples()
    assert [example.name for example in examples] == NAMES
    assert [example.path for example in examples] == example_config_paths()
    assert all(example.summary.endswith(".") and "#" not in example.summary for example in examples)


def test_the_minimal_example_suits_a_rehearsal() -> None:
    config = load_run_config(find_example("minimal").path).config
    assert config["init_min_clients"] == 1
    assert config["epoch_time"] <= 60


def test_the_command_prints_the_file_itself() -> None:
    shown = run("small-llama")
    assert shown.text == find_example("small-llama").path.read_text(encoding="utf-8")
    assert shown.data["name"] == "small-llama"
    assert run().text == run("minimal.toml").text == find_example("minimal").text()


def test_the_command_lists_names() -> None:
    listed = run("--list")
    assert [line.split()[0] for line in listed.text.splitlines()] == NAMES
    assert "for testing on the local validator." in listed.text
    assert listed.data["examples"] == [{"name": e.name, "summary": e.summary} for e in list_examples()]


def test_an_unknown_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        run("enormous")
    assert caught.value.hint == f"Available examples: {', '.join(NAMES)}."
