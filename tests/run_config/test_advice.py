from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psyche_cli.run_config.advice import ADVICE_NAMES
from psyche_cli.run_config.forecast import Forecast, exceeds_token_limit, slowest_pace
from tests.run_config.sample import ADAMW, SCHEDULES, load_document, with_value

LLM = "model.LLM"
DECAY: dict[str, Any] = SCHEDULES["WarmupStableDecay"]
COSINE = SCHEDULES["Linear"]

FILES: dict[str, Any] = {"start_index": 0, "n_left_pad_zeros": 0, "num_files": 2}

# Path, value without advice, value with it, name and key of the advice, a word of it.
CASES: list[tuple[str, Any, Any, str, str, str]] = [
    ("config.verification_percent", 0, 1, "VerificationPercent", "config.verification_percent", "health checks"),
    ("config.verification_percent", 0, 100, "VerificationPercent", "config.verification_percent", "health checks"),
    ("config.verification_percent", 0, 101, "VerificationPercent", "config.verification_percent", "6020"),
    ("config.init_min_clients", 64, 65, "JoinLimit", "config.global_batch_size_end", "6022"),
    ("config.total_steps", 11, 1, "NoSteps", "config.total_steps", "no step"),
    ("config.round_witness_time", 489, 490, "EpochRounds", "config.epoch_time", "up to 1680 s"),
    (
        f"{LLM}.checkpoint",
        {"Dummy": {"repo_id": "a"}},
        {"Dummy": {"repo_id": ""}},
        "CheckpointRepository",
        f"{LLM}.checkpoint.Dummy.repo_id",
        "6005",
    ),
    (
        f"{LLM}.data_location.Http.location",
        {"NumberedFiles": FILES | {"url_template": "part-{}.bin"}},
        {"NumberedFiles": FILES | {"url_template": "part-0.bin"}},
        "UrlTemplate",
        f"{LLM}.data_location.Http.location.NumberedFiles.url_template",
        "all 2 URLs",
    ),
    (
        f"{LLM}.lr_schedule",
        {"Cosine": COSINE | {"warmup_steps": 899}},
        {"Cosine": COSINE | {"warmup_steps": 900, "total_steps": 901}},
        "LearningRateSteps",
        f"{LLM}.lr_schedule.Cosine.warmup_steps",
        "before base_lr is reached",
    ),
    (
        f"{LLM}.lr_schedule",
        {"Linear": COSINE},
        {"Linear": COSINE | {"base_lr": 0.0}},
        "LearningRateSign",
        f"{LLM}.lr_schedule.Linear.base_lr",
        "positive",
    ),
    (
        f"{LLM}.lr_schedule",
        {"Cosine": COSINE | {"warmup_steps": 899}},
        {"Cosine": COSINE | {"warmup_steps": 5, "total_steps": 5}},
        "LearningRateSteps",
        f"{LLM}.lr_schedule.Cosine.total_steps",
        "divide by zero",
    ),
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


@pytest.mark.parametrize(("total_steps", "warned"), [(65_539, False), (65_540, True), (2**32 - 1, True)])
def test_more_tokens_than_the_program_counts(tmp_path: Path, total_steps: int, warned: bool) -> None:
    """65,538 steps of 65,535 sequences of 2^32 - 1 tokens are more than 2^64 tokens, 65,537 are not."""
    content = with_value(f"{LLM}.max_seq_len", 2**32 - 1)
    sizes = {"global_batch_size_start": 65_535, "global_batch_size_end": 65_535}
    content["config"] |= {**sizes, "total_steps": total_steps}
    rules = [advice.rule for advice in load_document(tmp_path, content).warnings]
    assert rules == ["TokenLimit"] * warned
    loaded = load_document(tmp_path, content)
    forecast = Forecast(loaded.config, loaded.model, slowest_pace(loaded.config))
    assert forecast.uncountable_step == (65_539 if warned else None)
    growing = content["config"] | {"global_batch_size_start": 1, "global_batch_size_warmup_tokens": 2**62}
    assert exceeds_token_limit(growing, 2**32 - 1) is (total_steps == 2**32 - 1)


def test_the_table_of_cases_has_every_name() -> None:
    assert {name for *_, name, _, _ in CASES} | {"TokenLimit"} == set(ADVICE_NAMES)
