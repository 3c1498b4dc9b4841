"""Every error code and abort, the order in which they come, and that a failure changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from psyche_cli.model.instructions import (
    Checkpoint,
    Committee,
    FreeCoordinator,
    HealthCheck,
    Instruction,
    JoinRun,
    SetFutureEpochRates,
    SetPaused,
    Tick,
    Update,
    UpdateClientVersion,
    WarmupWitness,
    Witness,
)
from psyche_cli.model.outcomes import ErrorCode
from psyche_cli.model.states import initial_state
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, PendingClient, WitnessRecord
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.rules import CONFIG_RULES, MODEL_RULES
from tests.model.recording import client, model_of
from tests.model.stages import (
    CONFIG,
    STAGES,
    Run,
    cooldown,
    finished,
    paused,
    training,
    uninitialized,
    waiting,
    warmup,
    witnessing,
)

ME = client(0).signer
STRANGER = client(99).signer
PROGRESS = {"epoch": 0, "step": 1, "epoch_start_data_index": 0}
METADATA = {"name": "n", "description": "", "num_parameters": 0, "vocab_size": 0}
RECORD = WitnessRecord(0, 0)
ACCUSE = HealthCheck(client(1), Committee.TRAINER, 0, 1)
HUB = Checkpoint({"Hub": {"repo_id": "r", "revision": None}})

S = RunState
HALTED = {S.UNINITIALIZED, S.FINISHED, S.PAUSED}
ACTIVE = {S.ROUND_TRAIN, S.ROUND_WITNESS, S.COOLDOWN}
ALL = set(RunState)

BY_STATE: list[tuple[str, Instruction, bytes, dict[RunState, str | int]]] = [
    ("update config", Update(config=CONFIG), ME, {**dict.fromkeys(ALL - HALTED, 6001), S.FINISHED: 6000}),
    ("update model", Update(model=model_of()), ME, {**dict.fromkeys(ALL - HALTED, 6001), S.FINISHED: 6000}),
    ("update progress", Update(progress=PROGRESS), ME, {**dict.fromkeys(ALL - HALTED, 6001), S.FINISHED: 6000}),
    ("update metadata", Update(metadata=METADATA), ME, {S.FINISHED: 6000}),
    ("update nothing", Update(), ME, {S.FINISHED: 6000}),
    ("client version", UpdateClientVersion("2"), ME, dict.fromkeys(ALL - HALTED, 6001)),
    ("rates", SetFutureEpochRates(1, 2), ME, {}),
    ("pause", SetPaused(True), ME, dict.fromkeys(HALTED, 6015)),
    ("resume", SetPaused(False), ME, dict.fromkeys(ALL - {S.UNINITIALIZED, S.PAUSED}, 6018)),
    ("free", FreeCoordinator(), ME, dict.fromkeys(ALL - HALTED, 6009)),
    ("tick", Tick(), STRANGER, dict.fromkeys(HALTED, 6015)),
    ("join", JoinRun(client(7)), client(7).signer, {}),
    ("join for another", JoinRun(client(7)), ME, dict.fromkeys(ALL, 6008)),
    ("witness of a stranger", Witness(RECORD), STRANGER, dict.fromkeys(ALL, 6007)),
    ("witness", Witness(RECORD), ME, {
        **dict.fromkeys(ALL, 6012), **dict.fromkeys(HALTED, 6015), S.UNINITIALIZED: 6007,
        S.ROUND_TRAIN: 6011, S.ROUND_WITNESS: 6011,
    }),
    ("warmup witness of a stranger", WarmupWitness(RECORD), STRANGER, dict.fromkeys(ALL, 6007)),
    ("warmup witness", WarmupWitness(RECORD), ME, {
        **dict.fromkeys(ALL, 6012), **dict.fromkeys(HALTED, 6015), S.UNINITIALIZED: 6007,
        S.WARMUP: "ok", S.ROUND_TRAIN: "ok",
    }),
    ("health check of a stranger", ACCUSE, STRANGER, dict.fromkeys(ALL, 6007)),
    ("health check", ACCUSE, ME, {
        **dict.fromkeys(ALL, 6014), **dict.fromkeys(HALTED, 6015), S.UNINITIALIZED: 6007,
    }),
    ("checkpoint of a stranger", HUB, STRANGER, dict.fromkeys(ALL, 6007)),
    ("checkpoint", HUB, ME, {S.UNINITIALIZED: 6007, S.WAITING_FOR_MEMBERS: 6007, S.PAUSED: 6007}),
]  # fmt: skip
"""What comes of an instruction in each state; where nothing is said it succeeds."""


@pytest.mark.parametrize("stage", RunState, ids=lambda stage: stage.name.lower())
@pytest.mark.parametrize(
    ("instruction", "signer", "results"), [row[1:] for row in BY_STATE], ids=[r[0] for r in BY_STATE]
)
def test_every_instruction_in_every_state(
    stage: RunState, instruction: Instruction, signer: bytes, results: dict[RunState, str | int]
) -> None:
    run = STAGES[stage]()
    before = run.state
    result = run.attempt(instruction, signer)
    assert result == results.get(stage, "ok")
    if result != "ok":
        assert run.last.state is before


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
def test_configs_at_the_edge_are_taken(changes: dict[str, int]) -> None:
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
def test_models_at_the_edge_are_taken(changes: dict[str, Any]) -> None:
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


@pytest.mark.parametrize(("version", "result"), [("é" * 48, "ok"), ("é" * 48 + "x", "panic")])
def test_client_version_of_at_most_96_bytes(version: str, result: str) -> None:
    run = uninitialized()
    assert run.attempt(UpdateClientVersion(version)) == result
    assert warmup().attempt(UpdateClientVersion(version)) == 6001


def test_as_many_wallets_as_the_largest_batch_may_join() -> None:
    run = uninitialized().join(*range(8))
    assert run.attempt(JoinRun(client(8)), client(8).signer) == 6022
    run.join(3)
    run.do(Update(config={**CONFIG, "global_batch_size_end": 4, "global_batch_size_start": 4})).join(8)
    assert len(run.state.clients) == 9


def test_a_run_without_config_takes_nobody() -> None:
    assert Run().attempt(JoinRun(client(0)), ME) == 6022


@pytest.mark.parametrize(("limit", "result"), [(300, 6003), (256, 6022)])
def test_256_wallets_may_join(limit: int, result: int) -> None:
    run = uninitialized(global_batch_size_end=limit).join(*range(256))
    assert run.attempt(JoinRun(client(256)), client(256).signer) == result


@pytest.mark.parametrize("changes", [
    {"position": 100}, {"index": 1}, {"index": 3}, {"index": 2**64 - 1}, {"witness": 0}, {"witness": 7},
])  # fmt: skip
def test_a_false_witness_proof(changes: dict[str, Any]) -> None:
    run = training()
    assert run.attempt(Witness(run.proof(0, **changes)), ME) == 6011


def test_a_client_that_was_not_selected_is_no_witness() -> None:
    run = training(witness_nodes=1)
    results = [run.attempt(Witness(run.proof(number)), client(number).signer) for number in range(3)]
    assert sorted(map(str, results)) == ["6011", "6011", "ok"]
    loser = results.index(6011)
    assert run.attempt(Witness(run.proof(loser, witness=0)), client(loser).signer) == 6011


def test_a_member_of_the_run_that_is_not_in_the_epoch_is_no_witness() -> None:
    run = training().join(5)
    assert run.attempt(Witness(run.proof(0)), client(5).signer) == 6011


def test_an_impossible_selection_comes_before_the_proof() -> None:
    run = training(verification_percent=101)
    assert run.attempt(Witness(RECORD), ME) == 6020
    run = training()
    run.state = replace(run.state, config={**run.state.config, "witness_nodes": 4})
    assert run.attempt(Witness(RECORD), ME) == 6020


def test_one_witness_per_client_and_round() -> None:
    run = training().witness(0)
    assert run.attempt(Witness(run.proof(0)), ME) == 6013
    run = witnessing().witness(0)
    assert run.attempt(Witness(run.proof(0)), ME) == 6013


def test_a_round_holds_32_witnesses() -> None:
    run = training(*range(34), global_batch_size_end=40, global_batch_size_start=40)
    run.state = replace(run.state, config={**run.state.config, "witness_nodes": 34})
    for number in range(32):
        run.witness(number)
    assert run.attempt(Witness(run.proof(32)), client(32).signer) == 6017


def test_one_warmup_witness_per_client() -> None:
    run = warmup().warmup_witness(0)
    assert run.attempt(WarmupWitness(WitnessRecord(0, 0, 0)), ME) == 6013


def test_warmup_trusts_the_index() -> None:
    run = warmup()
    for _ in range(3):
        run.do(WarmupWitness(WitnessRecord(0, 1, 0)), ME)
    run.is_at(RunState.ROUND_TRAIN)


def test_a_warmup_index_beyond_the_list_aborts_every_later_one() -> None:
    run = warmup().warmup_witness(0).do(WarmupWitness(WitnessRecord(0, 3, 0)), client(1).signer)
    assert run.attempt(WarmupWitness(WitnessRecord(0, 0, 0)), ME) == 6013  # Found before the bad one is reached.
    assert run.attempt(WarmupWitness(WitnessRecord(0, 2, 0)), client(2).signer) == "panic"
    run.wait(10).tick().is_at(RunState.ROUND_TRAIN)


def test_warmup_holds_32_witnesses() -> None:
    run = warmup(*range(34), global_batch_size_end=40, global_batch_size_start=40)
    run.state = replace(run.state, config={**run.state.config, "witness_nodes": 34})
    for number in range(32):
        run.warmup_witness(number)
    assert run.attempt(WarmupWitness(WitnessRecord(0, 32, 0)), client(32).signer) == 6017


def third_round(seen: str = "0,1", **config: int) -> Run:
    """In the round of height 2; the witnesses of the one before saw only some clients."""
    return training(**config).play_round().play_round(seen).is_at(RunState.ROUND_TRAIN)


def test_health_checks_need_two_rounds_before() -> None:
    run = training().play_round(seen="0,1")
    assert run.attempt(run.accusation(2), ME) == 6014


def test_an_absent_client_is_dropped_by_a_health_check() -> None:
    run = third_round()
    run.do(run.accusation(2), ME)
    assert run.members() == {"0": "Healthy", "1": "Healthy", "2": "Dropped"}
    run.do(run.accusation(2), ME)  # Once more changes nothing, and is no fault.
    run.play_round()
    exited = run.state.epoch.exited_clients
    assert exited == (EpochClient(client(2), ClientState.DROPPED, 2),)
    assert run.state.current_round.clients_len == 2


def test_a_present_client_is_not_dropped() -> None:
    run = third_round()
    assert run.attempt(run.accusation(1), ME) == 6014


@pytest.mark.parametrize("changes", [
    {"index": 0}, {"index": 3}, {"index": 2**64 - 1}, {"position": 77}, {"accused": client(1)},
    {"committee": Committee.VERIFIER}, {"committee": Committee.TIE_BREAKER},
])  # fmt: skip
def test_a_false_committee_proof(changes: dict[str, Any]) -> None:
    run = third_round()
    assert run.attempt(run.accusation(2, **changes), ME) == 6021


def test_an_exited_client_cannot_be_reported() -> None:
    run = third_round()
    run.do(run.accusation(2), ME).play_round()
    assert run.attempt(run.accusation(2, index=2), ME) == 6021
    assert run.attempt(run.accusation(2, index=1), ME) == 6021


def test_health_checks_of_an_impossible_selection() -> None:
    run = third_round()
    accusation = run.accusation(2)
    run.state = replace(run.state, config={**run.state.config, "verification_percent": 101})
    assert run.attempt(accusation, ME) == 6020


def test_health_checks_of_verifiers_abort() -> None:
    run = third_round(verification_percent=100)
    accusation = run.accusation(2)
    assert accusation.committee == Committee.VERIFIER
    assert run.attempt(accusation, ME) == "panic"


def test_health_checks_of_a_round_without_witnesses_abort() -> None:
    run = third_round()
    rounds = tuple(replace(part, witnesses=()) for part in run.state.epoch.rounds)
    run.state = replace(run.state, epoch=replace(run.state.epoch, rounds=rounds))
    assert run.attempt(run.accusation(2), ME) == "panic"


U64 = 2**64 - 1


def altered(run: Run, **changes: Any) -> Run:
    run.state = replace(run.state, **changes)
    return run


def rich(run: Run) -> Run:
    clients = tuple(PendingClient(client(number), earned=U64, active=1) for number in range(3))
    return altered(run, clients=clients, current_epoch_rates=EpochRates(3, 0))


OVERFLOWS: dict[str, Callable[[], Run]] = {
    "nonce": lambda: altered(training(), nonce=U64),
    "next_active on resume": lambda: altered(paused(), next_active=U64),
    "next_active in training": lambda: altered(warmup().wait(10), next_active=U64),
    "step": lambda: altered(witnessing().wait(3), progress={**PROGRESS, "step": 2**32 - 1}),
    "last step": lambda: altered(
        witnessing(epoch_time=40).witness(0).wait(30), progress={**PROGRESS, "step": 2**32 - 2}
    ),
    "epoch": lambda: altered(cooldown().wait(7), progress={**PROGRESS, "epoch": 2**16 - 1}),
    "earned": lambda: rich(cooldown().wait(7)),
    "end of training": lambda: training(max_round_train_time=U64 - 1, epoch_time=U64).wait(3),
    "end of witnessing": lambda: witnessing(round_witness_time=U64).wait(3),
    "end of cooldown": lambda: cooldown(cooldown_time=U64).wait(3),
    "end of the epoch": lambda: witnessing(epoch_time=U64).witness(0).wait(3),
}


@pytest.mark.parametrize("number", OVERFLOWS)
def test_overflows_abort(number: str) -> None:
    run = OVERFLOWS[number]()
    before = run.state
    instruction = SetPaused(False) if run.stage == RunState.PAUSED else Tick()
    assert run.attempt(instruction) == "panic"
    assert run.last.state is before


@pytest.mark.parametrize(("data_index", "max_seq_len"), [(U64, 1), (2**60, 2**32 - 1)])
@pytest.mark.parametrize("stage", ["round", "cooldown"])
def test_data_indices_that_overflow_abort(data_index: int, max_seq_len: int, stage: str) -> None:
    run = witnessing().witness(0).wait(3) if stage == "round" else cooldown().wait(7)
    run.state = run.state.with_current_round(replace(run.state.current_round, data_index=data_index))
    run.state = replace(run.state, model=model_of(max_seq_len=max_seq_len))
    assert run.attempt(Tick()) == "panic"


def test_a_closed_run_is_gone() -> None:
    run = paused().do(FreeCoordinator())
    for instruction in (FreeCoordinator(), SetPaused(False), Tick(), Update()):
        assert run.attempt(instruction) == 3012


def test_every_error_has_its_name() -> None:
    assert ErrorCode.COORDINATOR_ERROR_HALTED.program_name == "CoordinatorErrorHalted"
    assert ErrorCode(6022).program_name == "MoreClientsThanBatches"
