"""The JSON Schema of configurations: every example is valid, and anything that is not a configuration is invalid."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from psyche_cli.run_config.examples import Example, list_examples
from psyche_cli.run_config.json_shape import json_shape
from psyche_cli.run_config.load import load_run_config
from psyche_cli.run_config.schema import CONFIG, MODEL

SHAPES = {"config": json_shape(CONFIG), "model": json_shape(MODEL)}


def fits(name: str, value: Any) -> bool:
    Draft202012Validator.check_schema(SHAPES[name])
    return bool(Draft202012Validator(SHAPES[name]).is_valid(value))


@pytest.mark.parametrize("example", list_examples(), ids=lambda example: example.name)
def test_every_example_fits(example: Example) -> None:
    file = load_run_config(example.path)
    assert fits("config", file.config)
    assert fits("model", file.model)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("epoch_time"),
        lambda config: config.update(more=1),
        lambda config: config.update(epoch_time=-1),
        lambda config: config.update(min_clients=2**16),
        lambda config: config.update(min_clients_string="3"),
    ],
)
def test_another_config_does_not(change: Callable[[Any], None]) -> None:
    config: Any = dict(load_run_config(list_examples()[0].path).config)
    change(config)
    assert not fits("config", config)


def test_digits_stand_beside_what_a_double_rounds() -> None:
    config = load_run_config(list_examples()[0].path).config
    assert fits("config", {**config, "epoch_time": 2**63 + 1, "epoch_time_string": str(2**63 + 1)})


@pytest.mark.parametrize(
    ("key", "value", "valid"),
    [
        ("checkpoint", "Ephemeral", True),
        ("checkpoint", {"Hub": {"repo_id": "a/b", "revision": None}}, True),
        ("checkpoint", {"Hub": {"repo_id": "a/b"}}, False),
        ("checkpoint", "Hub", False),
        ("checkpoint", {"Hub": {"repo_id": "a", "revision": None}, "Dummy": {"repo_id": "a", "revision": None}}, False),
        ("architecture", "HfLlama", True),
        ("architecture", "Other", False),
        ("lr_schedule", {"Constant": {"base_lr": None, "warmup_init_lr": 0, "warmup_steps": 1}}, True),
    ],
)
def test_choices(key: str, value: object, valid: bool) -> None:
    model: Any = copy.deepcopy(load_run_config(list_examples()[0].path).model)
    model["LLM"][key] = value
    assert fits("model", model) is valid
