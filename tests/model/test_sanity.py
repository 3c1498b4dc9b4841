"""The rules for a run's configuration and model, in an update and on resume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.model.instructions import (
    SetPaused,
    Update,
)
from psyche_cli.model.states import initial_state
from psyche_cli.run_config.rules import CONFIG_RULES, MODEL_RULES
from tests.model.recording import model_of
from tests.model.stages import CONFIG, METADATA, PROGRESS, Run, finished, paused, uninitialized, waiting

BREAKING: dict[str, Any] = {
    "epoch_time": [0],
    "warmup_time": [1000],
    "max_round_train_time": [0, 1000],
    "round_witness_time": [0],
    "min_clients": [0, 4],
    "init_min_clients": [1, 257],
    "global_batch_size_start": [0, 9],
    "global_batch_size_end": [0],
    "total_steps": [0],
    "witness_nodes": [3],
    "cooldown_time": [0],
    "waiting_for_members_extra_time": [0],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BREAKING.items() for value in values])
def test_a_bad_config_is_refused_in_an_update_and_on_resume(key: str, value: int) -> None:
    bad = {**CONFIG, key: value}
    run = uninitialized()
    assert run.attempt(Update(config=bad)) == 6004
    run.state = replace(run.state, config=bad)
    assert run.attempt(SetPaused(False)) == 6004


def test_more_witnesses_than_a_round_holds() -> None:
    assert (
        uninitialized().attempt(
            Update(config={**CONFIG, "min_clients": 40, "init_min_clients": 40, "witness_nodes": 33})
        )
        == 6004
    )


def test_every_rule_of_the_config_was_broken_above() -> None:
    assert {bound.key for bound in CONFIG_RULES} == set(BREAKING)


@pytest.mark.parametrize("changes", [
    {"warmup_time": 999}, {"warmup_time": 0}, {"max_round_train_time": 999}, {"init_min_clients": 256},
    {"global_batch_size_start": 1}, {"witness_nodes": 2}, {"verification_percent": 255},
    {"round_witness_time": 2**64 - 1},
])  # fmt: skip
def test_configs_at_the_limits_are_accepted(changes: dict[str, int]) -> None:
    uninitialized().do(Update(config={**CONFIG, **changes}))


def http(location: dict[str, Any]) -> dict[str, Any]:
    return {"Http": {"location": location, "token_size_in_bytes": "TwoBytes", "shuffle": "DontShuffle"}}


FILES = {"url_template": "u", "start_index": 0, "n_left_pad_zeros": 0, "num_files": 1}


SEQ, DATA, STORE, OPT = (
    "model check failed: max_seq_len is 0.",
    "model check failed: bad LLM training data location.",
    "model check failed: bad checkpoint",
    "model check failed: bad optimizer",
)


BAD_MODELS: list[tuple[dict[str, Any], str]] = [
    ({"max_seq_len": 0}, SEQ),
    ({"data_location": {"Server": ""}}, DATA),
    ({"data_location": {"WeightedHttp": ""}}, DATA),
    ({"data_location": {"Preprocessed": ""}}, DATA),
    ({"data_location": http({"SingleUrl": ""})}, DATA),
    ({"data_location": http({"NumberedFiles": {**FILES, "url_template": ""}})}, DATA),
    ({"data_location": http({"NumberedFiles": {**FILES, "num_files": 0}})}, DATA),
    ({"data_location": http({"Gcp": {"bucket_name": "", "filter_directory": "x"}})}, DATA),
    ({"checkpoint": "Ephemeral"}, STORE),
    ({"checkpoint": {"Hub": {"repo_id": "", "revision": None}}}, STORE),
    ({"checkpoint": {"P2P": {"repo_id": "", "revision": "x"}}}, STORE),
    ({"checkpoint": {"Gcs": {"bucket": "", "prefix": None}}}, STORE),
    ({"checkpoint": {"P2PGcs": {"bucket": "", "prefix": None}}}, STORE),
    ({"optimizer": "Dummy"}, OPT),
    ({"optimizer": "Dummy", "checkpoint": "Ephemeral"}, STORE),
    ({"data_location": {"Server": ""}, "checkpoint": "Ephemeral"}, DATA),
    ({"data_location": {"Server": ""}, "max_seq_len": 0}, SEQ),
]


@pytest.mark.parametrize(("changes", "line"), BAD_MODELS)
def test_a_bad_model_is_refused_and_logged_in_an_update_and_on_resume(changes: dict[str, Any], line: str) -> None:
    bad = {"LLM": {**model_of()["LLM"], **changes}}
    run = uninitialized()
    assert run.attempt(Update(model=bad)) == 6005
    assert run.last.log[-1] == line
    run.state = replace(run.state, model=bad)
    assert run.attempt(SetPaused(False)) == 6005
    assert run.last.log[-1] == line


def test_every_rule_of_the_model_was_broken_above() -> None:
    assert len(BAD_MODELS) - 3 == len(MODEL_RULES)


@pytest.mark.parametrize("changes", [
    {"data_location": {"Local": ""}}, {"data_location": "Dummy"}, {"data_location": {"Server": "s:1"}},
    {"data_location": http({"NumberedFiles": FILES})}, {"checkpoint": {"Dummy": {"repo_id": "", "revision": None}}},
])  # fmt: skip
def test_models_at_the_limits_are_accepted(changes: dict[str, Any]) -> None:
    uninitialized().do(Update(model={"LLM": {**model_of()["LLM"], **changes}}))


@pytest.mark.parametrize(("steps", "result"), [(0, "ok"), (49, "ok"), (50, 6004)])
def test_cold_start_must_fit_into_an_epoch(steps: int, result: str | int) -> None:
    run = uninitialized()
    assert run.attempt(Update(model=model_of(cold_start=steps))) == result
    run.state = replace(run.state, model=model_of(cold_start=steps))
    assert run.attempt(SetPaused(False)) == result
    if result == 6004:
        assert run.last.log[-1] == (
            "cold_start_warmup_steps (50) exceeds estimated training rounds per epoch "
            "((epoch_time=1000 - warmup_time=10) / max_round_train_time=20 = 49)"
        )


def test_cold_start_of_a_run_without_config_aborts() -> None:
    assert Run().attempt(Update(model=model_of(cold_start=1))) == "panic"
    assert Run().attempt(Update(model=model_of(cold_start=0))) == "ok"


def test_cold_start_is_checked_against_the_old_half_of_the_pair() -> None:
    run = uninitialized().do(Update(model=model_of(cold_start=49)))
    assert run.attempt(Update(config={**CONFIG, "epoch_time": 100})) == 6004
    assert run.attempt(Update(progress=PROGRESS, metadata=METADATA)) == "ok"


def test_order_of_checks_in_an_update() -> None:
    run = uninitialized()
    bad_config, bad_model, bad_progress = (
        {**CONFIG, "total_steps": 0},
        model_of(optimizer="dummy"),
        {**PROGRESS, "step": 0},
    )
    assert run.attempt(Update(config=bad_config, model=bad_model, progress=bad_progress)) == 6004
    assert run.last.log[-1] == "Nonce: 2"
    assert run.attempt(Update(model=bad_model, progress=bad_progress)) == 6005
    assert run.last.log[-1] == OPT
    assert run.attempt(Update(progress=bad_progress)) == 6005
    assert run.last.log[-1] == "Nonce: 2"


def test_resume_with_step_0() -> None:
    run = paused()
    run.state = run.state.with_progress(step=0)
    assert run.attempt(SetPaused(False)) == 6006
    run = waiting(0)
    run.state = run.state.with_progress(step=0)
    assert run.attempt(SetPaused(False)) == 6006


def test_a_finished_run_without_config_cannot_be_resumed_for_its_config() -> None:
    run = finished()
    run.state = replace(run.state, config=initial_state("", "").config)
    assert run.attempt(SetPaused(False)) == 6004
