"""Every error code and abort, their order of precedence, and that a failure changes nothing."""

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
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates, PendingClient
from psyche_cli.protocol.run_states import RunState
from tests.model.recording import client, model_of
from tests.model.stages import (
    CONFIG,
    ME,
    METADATA,
    PROGRESS,
    RECORD,
    STAGES,
    Run,
    cooldown,
    paused,
    training,
    uninitialized,
    warmup,
    witnessing,
)

STRANGER = client(99).signer
ACCUSE = HealthCheck(client(1), Committee.TRAINER, 0, 1)
HUB = Checkpoint({"Hub": {"repo_id": "r", "revision": None}})
S = RunState
HALTED = {S.UNINITIALIZED, S.FINISHED, S.PAUSED}
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
"""The outcome of each instruction by state; success if not listed."""


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


def test_nobody_can_join_a_run_without_config() -> None:
    assert Run().attempt(JoinRun(client(0)), ME) == 6022


@pytest.mark.parametrize(("limit", "result"), [(300, 6003), (256, 6022)])
def test_256_wallets_may_join(limit: int, result: int) -> None:
    run = uninitialized(global_batch_size_end=limit).join(*range(256))
    assert run.attempt(JoinRun(client(256)), client(256).signer) == result


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
