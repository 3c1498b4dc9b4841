from __future__ import annotations

import pytest

from psyche_cli.errors import UsageError
from psyche_cli.resources import example_config_paths
from psyche_cli.run_config.examples import find_example, list_examples
from psyche_cli.run_config.load import load_run_config

NAMES = ["finetune-adamw", "large-wsd", "minimal", "numbered-files", "small-llama"]


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


def test_an_unknown_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as caught:
        find_example("enormous")
    assert caught.value.hint == f"Available examples: {', '.join(NAMES)}."
