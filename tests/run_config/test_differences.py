from __future__ import annotations

import copy

import pytest

from psyche_cli.run_config.differences import Difference, differences, round_to_float32
from tests.run_config.sample import ADAMW, document, with_value

LLM = "model.LLM"


def test_nothing_differs_from_itself() -> None:
    before = document()
    assert differences(before["config"], copy.deepcopy(before["config"]), "config") == []
    assert differences(before["model"], copy.deepcopy(before["model"]), "model") == []


def test_changed_values_are_listed_in_order_with_their_paths() -> None:
    after = document()["config"] | {"total_steps": 1, "warmup_time": 2}
    assert differences(document()["config"], after, "config") == [
        Difference("config.warmup_time", 60, 2),
        Difference("config.total_steps", 900, 1),
    ]


def test_a_changed_payload_is_reported_by_its_key() -> None:
    after = with_value(f"{LLM}.checkpoint.Hub.repo_id", "other/repo")["model"]
    assert differences(document()["model"], after, "model") == [
        Difference(f"{LLM}.checkpoint.Hub.repo_id", "org/repo", "other/repo")
    ]


def test_another_variant_is_one_difference() -> None:
    repo = {"repo_id": "org/repo"}
    for after in ({"P2P": repo}, "Ephemeral"):
        changed = with_value(f"{LLM}.checkpoint", after)["model"]
        assert differences(document()["model"], changed, "model") == [
            Difference(f"{LLM}.checkpoint", {"Hub": repo}, after)
        ]
        assert differences(changed, document()["model"], "model") == [
            Difference(f"{LLM}.checkpoint", after, {"Hub": repo})
        ]


def test_f32_fields_are_compared_as_the_chain_stores_them() -> None:
    stored = with_value(f"{LLM}.optimizer.Distro.compression_decay", 0.9990000128746033)["model"]
    assert differences(stored, document()["model"], "model") == []
    other = with_value(f"{LLM}.optimizer.Distro.compression_decay", 0.9991)["model"]
    assert [d.key for d in differences(stored, other, "model")] == [f"{LLM}.optimizer.Distro.compression_decay"]


def test_f32_arrays_are_compared_item_by_item() -> None:
    file = with_value(f"{LLM}.optimizer", ADAMW)["model"]
    stored = copy.deepcopy(file)
    stored["LLM"]["optimizer"]["AdamW"]["betas"] = (round_to_float32(0.9), round_to_float32(0.999))
    assert differences(stored, file, "model") == []
    stored["LLM"]["optimizer"]["AdamW"]["betas"] = (round_to_float32(0.9), round_to_float32(0.998))
    assert [d.key for d in differences(stored, file, "model")] == [f"{LLM}.optimizer.AdamW.betas"]


def test_f64_fields_are_compared_in_full() -> None:
    after = with_value(f"{LLM}.lr_schedule.Constant.base_lr", round_to_float32(0.001))["model"]
    assert [d.key for d in differences(document()["model"], after, "model")] == [f"{LLM}.lr_schedule.Constant.base_lr"]


@pytest.mark.parametrize(("before", "after"), [(None, 1.0), (1.0, None)])
def test_an_option_that_comes_or_goes(before: float | None, after: float | None) -> None:
    key = f"{LLM}.optimizer.Distro.clip_grad_norm"
    found = differences(with_value(key, before)["model"], with_value(key, after)["model"], "model")
    assert found == [Difference(key, before, after)]


def test_arrays_of_bytes_and_lists_are_alike() -> None:
    key = f"{LLM}.data_location.Http.shuffle.Seeded"
    assert differences(with_value(key, tuple(range(32)))["model"], document()["model"], "model") == []
    changed = with_value(key, [1, *range(1, 32)])["model"]
    assert [d.key for d in differences(changed, document()["model"], "model")] == [key]


def test_parts_without_a_schema_and_with_absent_keys() -> None:
    found = differences({"name": "a", "vocab_size": 1}, {"name": "b", "description": "c"}, "metadata")
    assert found == [
        Difference("metadata.name", "a", "b"),
        Difference("metadata.description", None, "c"),
        Difference("metadata.vocab_size", 1, None),
    ]
