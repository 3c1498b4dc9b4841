from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psyche_cli.run_config.advice import ADVICE_NAMES
from tests.run_config.sample import ADAMW, SCHEDULES, load_document, with_value

LLM = "model.LLM"
DECAY: dict[str, Any] = SCHEDULES["WarmupStableDecay"]
COSINE = SCHEDULES["Linear"]

# Path, value without advice, value with it, name and key of the advice, a word of it.
CASES: list[tuple[str, Any, Any, str, str, str]] = [
    ("config.verification_percent", 0, 1, "VerificationPercent", "config.verification_percent", "health checks"),
    ("config.verification_percent", 0, 100, "VerificationPercent", "config.verification_percent", "health checks"),
    ("config.verification_percent", 0, 101, "VerificationPercent", "config.verification_percent", "6020"),
    ("config.init_min_clients", 64, 65, "JoinLimit", "config.global_batch_size_end", "6022"),
    (
        f"{LLM}.checkpoint",
        {"Hub": {"repo_id": "a"}},
        {"P2P": {"repo_id": "a"}},
        "CheckpointKind",
        f"{LLM}.checkpoint.P2P",
        "Hub",
    ),
    (
        f"{LLM}.checkpoint",
        {"Gcs": {"bucket": "a"}},
        {"P2PGcs": {"bucket": "a"}},
        "CheckpointKind",
        f"{LLM}.checkpoint.P2PGcs",
        "Gcs",
    ),
    (
        f"{LLM}.lr_schedule",
        {"WarmupStableDecay": DECAY},
        {"WarmupStableDecay": DECAY | {"cosine_decay_final_lr": 0.11}},
        "LearningRateOrder",
        f"{LLM}.lr_schedule.WarmupStableDecay",
        "0.11",
    ),
    (
        f"{LLM}.lr_schedule",
        {"WarmupStableDecay": DECAY | {"linear_decay_final_lr": 0.05}},
        {"WarmupStableDecay": DECAY | {"linear_decay_final_lr": 0.06}},
        "LearningRateOrder",
        f"{LLM}.lr_schedule.WarmupStableDecay",
        "0.06",
    ),
    (
        f"{LLM}.lr_schedule",
        {"Cosine": COSINE},
        {"Cosine": COSINE | {"total_steps": 899}},
        "LearningRateSteps",
        f"{LLM}.lr_schedule.Cosine.total_steps",
        "rises again",
    ),
    (
        f"{LLM}.optimizer",
        {"Distro": {"compression_decay": 1, "compression_topk": 1, "compression_chunk": 1, "quantize_1bit": False}},
        ADAMW,
        "OptimizerKind",
        f"{LLM}.optimizer",
        "Distro",
    ),
]


@pytest.mark.parametrize(("path", "quiet", "loud", "name", "key", "word"), CASES)
def test_advice_is_given_and_nothing_is_refused(
    tmp_path: Path, path: str, quiet: Any, loud: Any, name: str, key: str, word: str
) -> None:
    assert load_document(tmp_path, with_value(path, quiet)).warnings == ()
    (advice,) = load_document(tmp_path, with_value(path, loud)).warnings
    assert (advice.rule, advice.key) == (name, key)
    assert word in advice.message


def test_a_linear_schedule_may_end_before_the_run(tmp_path: Path) -> None:
    schedule = {"Linear": COSINE | {"total_steps": 5}}
    assert load_document(tmp_path, with_value(f"{LLM}.lr_schedule", schedule)).warnings == ()


def test_the_table_of_cases_has_every_name() -> None:
    assert {name for *_, name, _, _ in CASES} == set(ADVICE_NAMES)
