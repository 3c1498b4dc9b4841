from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from psyche_cli.run_config.problems import Problem, configuration_error
from psyche_cli.run_config.rules import (
    CONFIG_RULES,
    MODEL_RULES,
    RULE_NAMES,
    check_client_version,
    check_cold_start,
    check_config,
    check_metadata,
    check_model,
    check_progress,
    check_run,
    is_unset,
)
from tests.run_config.sample import document, load_document, problems_of, with_value

LLM = "model.LLM"

# Rule, the value at the bound (accepted), the one beyond it (refused), and other keys that make room for both.
CONFIG_BOUNDS: list[tuple[str, str, int, int, dict[str, int]]] = [
    ("EpochTime", "epoch_time", 1, 0, {}),
    ("WarmupTime", "warmup_time", 599, 600, {}),
    ("MaxRoundTrainTime", "max_round_train_time", 1, 0, {}),
    ("MaxRoundTrainTime", "max_round_train_time", 599, 600, {}),
    ("RoundWitnessTime", "round_witness_time", 1, 0, {}),
    ("MinClients", "min_clients", 1, 0, {"witness_nodes": 0}),
    ("InitMinClients", "init_min_clients", 4, 3, {}),
    ("InitMinClients", "init_min_clients", 256, 257, {}),
    ("GlobalBatchSize", "global_batch_size_start", 1, 0, {}),
    ("GlobalBatchSize", "global_batch_size_end", 16, 15, {}),
    ("TotalSteps", "total_steps", 1, 0, {}),
    ("WitnessNodes", "witness_nodes", 4, 5, {}),
    ("WitnessNodes", "witness_nodes", 32, 33, {"min_clients": 40, "init_min_clients": 40}),
    ("CooldownTime", "cooldown_time", 1, 0, {}),
    ("WaitingForMembersExtraTime", "waiting_for_members_extra_time", 1, 0, {}),
]


def sample_config(**changes: int) -> dict[str, int]:
    config: dict[str, int] = document()["config"]
    return config | changes


@pytest.mark.parametrize(("rule", "key", "at", "beyond", "room"), CONFIG_BOUNDS)
def test_config_rules_at_their_bound_and_one_beyond(
    rule: str, key: str, at: int, beyond: int, room: dict[str, int]
) -> None:
    assert [p for p in check_config(sample_config(**room, **{key: at})) if p.rule == rule] == []
    broken = [p for p in check_config(sample_config(**room, **{key: beyond})) if p.rule == rule]
    assert [(p.key, p.rule) for p in broken] == [(f"config.{key}", rule)]
    assert broken[0].message.startswith(f"config.{key} = {beyond}, but it must be ")


def test_the_table_of_bounds_has_every_rule() -> None:
    assert {rule for rule, *_ in CONFIG_BOUNDS} == {bound.rule for bound in CONFIG_RULES}


@pytest.mark.parametrize(
    ("key", "beyond", "message"),
    [
        ("warmup_time", 601, "config.warmup_time = 601, but it must be less than config.epoch_time = 600"),
        ("init_min_clients", 3, "config.init_min_clients = 3, but it must be at least config.min_clients = 4"),
        ("init_min_clients", 300, "config.init_min_clients = 300, but it must be at most 256"),
        ("cooldown_time", 0, "config.cooldown_time = 0, but it must be at least 1"),
    ],
)
def test_a_violated_limit_is_reported_with_value_and_limit(key: str, beyond: int, message: str) -> None:
    (problem,) = check_config(sample_config(**{key: beyond}))
    assert problem.message == message


def test_the_final_batch_size_must_not_be_zero_either() -> None:
    broken = check_config(sample_config(global_batch_size_start=0, global_batch_size_end=0))
    assert [p.key for p in broken] == ["config.global_batch_size_start", "config.global_batch_size_end"]


def test_names_and_order_of_the_rules_are_the_programs() -> None:
    assert RULE_NAMES == (
        "EpochTime",
        "WarmupTime",
        "MaxRoundTrainTime",
        "RoundWitnessTime",
        "MinClients",
        "InitMinClients",
        "GlobalBatchSize",
        "TotalSteps",
        "WitnessNodes",
        "CooldownTime",
        "WaitingForMembersExtraTime",
        "MaxSeqLen",
        "DataLocation",
        "Checkpoint",
        "Optimizer",
        "ColdStart",
        "Progress",
    )


def test_a_run_that_was_never_configured_breaks_what_zeros_can_break() -> None:
    zeros = dict.fromkeys(sample_config(), 0)
    assert is_unset(zeros)
    assert not is_unset(sample_config())
    rules = list(dict.fromkeys(p.rule for p in check_config(zeros)))
    assert rules == [
        "EpochTime",
        "WarmupTime",
        "MaxRoundTrainTime",
        "RoundWitnessTime",
        "MinClients",
        "GlobalBatchSize",
        "TotalSteps",
        "CooldownTime",
        "WaitingForMembersExtraTime",
    ]


def test_bounds_with_absent_keys_are_passed_over() -> None:
    assert check_config({"warmup_time": 5}) == []
    assert [p.rule for p in check_config({"min_clients": 0})] == ["MinClients"]


NUMBERED: dict[str, Any] = {"url_template": "u", "start_index": 0, "n_left_pad_zeros": 0, "num_files": 1}


def http(location: Any) -> dict[str, Any]:
    return {"Http": {"location": location, "token_size_in_bytes": "TwoBytes", "shuffle": "DontShuffle"}}


# Rule, key below model.LLM, a value there that is accepted, one that is not, and the path that is reported.
MODEL_CASES: list[tuple[str, str, Any, Any, str]] = [
    ("MaxSeqLen", "max_seq_len", 1, 0, "max_seq_len"),
    ("DataLocation", "data_location", {"Server": "a"}, {"Server": ""}, "data_location.Server"),
    ("DataLocation", "data_location", {"WeightedHttp": "a"}, {"WeightedHttp": ""}, "data_location.WeightedHttp"),
    ("DataLocation", "data_location", {"Preprocessed": "a"}, {"Preprocessed": ""}, "data_location.Preprocessed"),
    (
        "DataLocation",
        "data_location",
        http({"SingleUrl": "a"}),
        http({"SingleUrl": ""}),
        "data_location.Http.location.SingleUrl",
    ),
    (
        "DataLocation",
        "data_location",
        http({"NumberedFiles": NUMBERED}),
        http({"NumberedFiles": NUMBERED | {"url_template": ""}}),
        "data_location.Http.location.NumberedFiles.url_template",
    ),
    (
        "DataLocation",
        "data_location",
        http({"NumberedFiles": NUMBERED}),
        http({"NumberedFiles": NUMBERED | {"num_files": 0}}),
        "data_location.Http.location.NumberedFiles.num_files",
    ),
    (
        "DataLocation",
        "data_location",
        http({"Gcp": {"bucket_name": "b", "filter_directory": ""}}),
        http({"Gcp": {"bucket_name": "", "filter_directory": "d"}}),
        "data_location.Http.location.Gcp.bucket_name",
    ),
    ("Checkpoint", "checkpoint", {"Dummy": {"repo_id": ""}}, "Ephemeral", "checkpoint"),
    ("Checkpoint", "checkpoint", {"Hub": {"repo_id": "a"}}, {"Hub": {"repo_id": ""}}, "checkpoint.Hub.repo_id"),
    ("Checkpoint", "checkpoint", {"P2P": {"repo_id": "a"}}, {"P2P": {"repo_id": ""}}, "checkpoint.P2P.repo_id"),
    ("Checkpoint", "checkpoint", {"Gcs": {"bucket": "a"}}, {"Gcs": {"bucket": ""}}, "checkpoint.Gcs.bucket"),
    ("Checkpoint", "checkpoint", {"P2PGcs": {"bucket": "a"}}, {"P2PGcs": {"bucket": ""}}, "checkpoint.P2PGcs.bucket"),
    (
        "Optimizer",
        "optimizer",
        {"AdamW": {"betas": [0.9, 0.9], "weight_decay": 0.0, "eps": 0.0}},
        "Dummy",
        "optimizer",
    ),
]


@pytest.mark.parametrize(("rule", "key", "good", "bad", "reported"), MODEL_CASES)
def test_model_rules(tmp_path: Path, rule: str, key: str, good: Any, bad: Any, reported: str) -> None:
    good_model = load_document(tmp_path, with_value(f"{LLM}.{key}", good)).model
    assert check_model(good_model) == []
    ((found, named, message),) = problems_of(tmp_path, with_value(f"{LLM}.{key}", bad))
    assert (found, named) == (f"{LLM}.{reported}", rule)
    assert message.startswith(f"{LLM}.{reported} = ")
    reasons = ("must be at least 1", "must not be empty", "which the program rejects")
    assert message.endswith(reasons)


def test_the_table_of_cases_has_every_model_rule() -> None:
    paths = {rule.path for rule in MODEL_RULES} - {"checkpoint.Ephemeral", "optimizer.Dummy"}
    assert paths | {"checkpoint", "optimizer"} == {reported for *_, reported in MODEL_CASES}


@pytest.mark.parametrize("location", ["Dummy", {"Local": ""}])
def test_some_data_locations_need_nothing(tmp_path: Path, location: Any) -> None:
    model = load_document(tmp_path, with_value(f"{LLM}.data_location", location)).model
    assert check_model(model) == []


def test_a_text_that_begins_with_nul_is_empty_for_the_program() -> None:
    model = with_value(f"{LLM}.checkpoint", {"Hub": {"repo_id": "\0rest", "revision": None}})["model"]
    assert [p.rule for p in check_model(model)] == ["Checkpoint"]


def test_the_model_of_a_new_run() -> None:
    llm = document()["model"]["LLM"] | {"max_seq_len": 0, "checkpoint": "Ephemeral", "data_location": "Dummy"}
    assert [p.rule for p in check_model({"LLM": llm | {"optimizer": "Dummy"}})] == [
        "MaxSeqLen",
        "Checkpoint",
        "Optimizer",
    ]


# The sample has (600 - 60) / 50 = 10.8 rounds.
@pytest.mark.parametrize(("steps", "count"), [(0, 0), (1, 0), (10, 0), (11, 1)])
def test_cold_start_must_fit_into_the_rounds_of_an_epoch(steps: int, count: int) -> None:
    model = with_value(f"{LLM}.cold_start_warmup_steps", steps)["model"]
    problems = check_cold_start(sample_config(), model)
    assert [(p.key, p.rule) for p in problems] == [(f"{LLM}.cold_start_warmup_steps", "ColdStart")] * count
    assert check_run(sample_config(), model) == problems


def test_a_cold_start_problem_shows_the_sum() -> None:
    model = with_value(f"{LLM}.cold_start_warmup_steps", 11)["model"]
    (problem,) = check_cold_start(sample_config(), model)
    assert problem.message == (
        "model.LLM.cold_start_warmup_steps = 11, but it must be at most 10: (config.epoch_time = 600 - "
        "config.warmup_time = 60) / config.max_round_train_time = 50, rounded down"
    )


@pytest.mark.parametrize("changes", [{"max_round_train_time": 0}, {"warmup_time": 601}])
def test_a_cold_start_that_cannot_be_computed(changes: dict[str, int]) -> None:
    model = document()["model"]
    (problem,) = check_cold_start(sample_config(**changes), model)
    assert "is undefined" in problem.message
    assert "ColdStart" not in [p.rule for p in check_run(sample_config(**changes), model)]
    assert check_cold_start(sample_config(**changes), with_value(f"{LLM}.cold_start_warmup_steps", 0)["model"]) == []


def test_progress_must_have_a_step() -> None:
    progress = {"epoch": 0, "step": 1, "epoch_start_data_index": 0}
    assert check_progress(progress) == []
    assert [(p.key, p.rule) for p in check_progress(progress | {"step": 0})] == [("progress.step", "Progress")]


def test_config_problems_come_before_model_problems() -> None:
    model = with_value(f"{LLM}.max_seq_len", 0)["model"]
    assert [p.rule for p in check_run(sample_config(cooldown_time=0), model)] == ["CooldownTime", "MaxSeqLen"]


def test_metadata_at_and_beyond_its_capacity() -> None:
    assert check_metadata() == []
    full = check_metadata(name="n" * 64, description="ü" * 140, num_parameters=2**64 - 1, vocab_size=0)
    assert full == []
    over = check_metadata(name="n" * 65, description="ü" * 140 + "!", num_parameters=2**64, vocab_size=-1)
    assert [(p.key, p.rule) for p in over] == [
        ("metadata.name", "TextTooLong"),
        ("metadata.description", "TextTooLong"),
        ("metadata.num_parameters", "OutOfRange"),
        ("metadata.vocab_size", "OutOfRange"),
    ]
    assert over[1].message == "metadata.description is 281 bytes long; the maximum is 280"


def test_metadata_that_is_no_text_for_the_chain() -> None:
    assert [p.rule for p in check_metadata(name="a\0b")] == ["TextHoldsNul"]
    # What Python makes of a command-line argument that is not UTF-8.
    assert [p.rule for p in check_metadata(description="caf\udce9")] == ["NotUtf8"]


def test_client_version_at_and_beyond_its_capacity() -> None:
    assert check_client_version("v" * 96) == []
    assert [(p.key, p.message) for p in check_client_version("v" * 97)] == [
        ("client_version", "client_version is 97 bytes long; the maximum is 96")
    ]


def test_problems_become_one_error() -> None:
    one = configuration_error([Problem("config.a", "A", "config.a = 0, but no")], subject="The run", hint="Do.")
    assert (one.message, one.hint) == ("The run has 1 problem: config.a.", "Do.")
    assert one.context == {
        "problems": [{"key": "config.a", "rule": "A", "message": "config.a = 0, but no"}],
        "path": None,
    }
    many = configuration_error([Problem(key, "A", "m") for key in "aabcde"], subject="It")
    assert many.message == "It has 6 problems: a, b, c and 2 more."
