"""The state itself: a new run, one decoded from an account, the nonce, the log."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import pytest

from psyche_cli.model.from_account import state_from_account
from psyche_cli.model.instructions import (
    FreeCoordinator,
    Instruction,
    JoinRun,
    SetFutureEpochRates,
    SetPaused,
    Tick,
    Update,
    UpdateClientVersion,
)
from psyche_cli.model.states import initial_state, stored_text
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.model.recording import client
from tests.model.stages import Run, training, uninitialized, waiting, warmup
from tests.protocol import images


def account_image() -> bytearray:
    image = bytearray(images.SIZE)
    images.put(image, 0, hashlib.sha256(b"account:CoordinatorAccount").digest()[:8])
    images.put_u64(image, 8, 1)
    return image


def test_a_new_run_is_an_account_of_zeros_but_for_two_texts() -> None:
    image = account_image()
    images.put(image, 376, b"my-run")
    images.put(image, 119_050, b"v1")
    assert state_from_account(decode_coordinator_account(images.raw(image))) == initial_state("my-run", "v1")


def test_a_real_account_can_be_predicted() -> None:
    run = Run()
    run.state = state_from_account(decode_coordinator_account(images.raw(images.v1_image())))
    assert run.state.future_epoch_rates == EpochRates(1_000_000, 0)
    run.do(SetPaused(False)).is_at(RunState.WAITING_FOR_MEMBERS).join(0).wait(3).tick().is_at(RunState.WARMUP)
    run.wait(15).tick().play_round().is_at(RunState.ROUND_TRAIN)
    assert (run.state.nonce, run.state.step, run.state.current_round.data_index) == (8, 2, 2048)


def test_every_field_of_an_account_is_taken_over() -> None:
    image = account_image()
    image[408], image[94_416] = RunState.ROUND_WITNESS, 1
    images.put_u64(image, 94_408, 1234)
    images.put(image, 1032, struct.pack("<H2xIQ", 3, 17, 99))
    slot = 1048 + 2 * 14_112
    images.put(image, slot, struct.pack("<QQB", 5, 1, 7))
    images.put(image, slot + 24, struct.pack("<8Q16Q", *range(24)))
    images.put(image, slot + 216, struct.pack("<8Q16Q", *range(50, 74)))
    images.put(image, slot + 408, b"\6" * 32)
    images.put_u64(image, slot + 14_080, 1)
    images.put(image, slot + 14_088, struct.pack("<QQIHH", 800, 2**64 - 1, 6, 2, 1))
    images.put(image, 94_376, struct.pack("<III4xQBB", 2, 11, 19, 1000, 1, 1))
    for start, states in ((57_496, (0, 1)), (75_936, (3,))):
        for place, status in enumerate(states):
            images.put(image, start + 72 * place, client(place).signer + b"\2" * 32 + struct.pack("<B3xI", status, 5))
        images.put_u64(image, start + 18_432, len(states))
    images.put(image, 94_424, client(0).signer + b"\2" * 32 + bytes(8) + struct.pack("<QQQ", 10, 20, 30))
    images.put(image, 119_000, struct.pack("<QQQQQQBB", 1, 31, 41, 42, 43, 44, 1, 1))
    images.put_u64(image, 119_152, 77)
    state = state_from_account(decode_coordinator_account(images.raw(image)))

    assert (state.run_state, state.pending_pause, state.run_state_start_timestamp) == (
        RunState.ROUND_WITNESS,
        True,
        1234,
    )
    assert state.progress == {"epoch": 3, "step": 17, "epoch_start_data_index": 99}
    current = state.current_round
    assert replace(current, witnesses=()) == Round(800, 2**64 - 1, 6, 2, 1)
    assert state.previous_round == Round()
    (record,) = current.witnesses
    assert (record.position, record.index, record.witness, record.broadcast_merkle) == (5, 1, 1, b"\6" * 32)
    assert record.participant_bloom.keys + record.participant_bloom.bits == tuple(range(24))
    assert record.broadcast_bloom.keys + record.broadcast_bloom.bits == tuple(range(50, 74))
    epoch = state.epoch
    assert (epoch.start_step, epoch.last_step, epoch.start_timestamp) == (11, 19, 1000)
    assert (epoch.first_round, epoch.cold_start_epoch) == (True, True)
    assert [(each.id.signer, each.state, each.exited_height) for each in epoch.clients] == [
        (client(0).signer, ClientState.HEALTHY, 5),
        (client(1).signer, ClientState.DROPPED, 5),
    ]
    assert [each.state for each in epoch.exited_clients] == [ClientState.EJECTED]
    (pending,) = state.clients
    assert (pending.id.p2p_identity, pending.earned, pending.slashed, pending.active) == (b"\2" * 32, 10, 20, 30)
    assert (state.next_active, state.nonce) == (31, 77)
    assert (state.current_epoch_rates, state.future_epoch_rates) == (EpochRates(41, 42), EpochRates(43, 44))
    assert (state.is_warmup_first_tick, state.is_training_first_tick) == (True, True)


@pytest.mark.parametrize(
    ("text", "capacity", "stored"), [("abc", 2, "ab"), ("é" * 3, 5, "éé\ufffd"), ("\0a\0b\0", 9, "\0a\0b"), ("", 4, "")]
)
def test_texts_as_they_read_after_they_were_stored(text: str, capacity: int, stored: str) -> None:
    assert stored_text(text, capacity) == stored


def test_the_texts_of_a_new_run_are_cut() -> None:
    state = initial_state("r" * 40, "v" * 100)
    assert (state.run_id, state.client_version) == ("r" * 32, "v" * 96)


@pytest.mark.parametrize(
    ("instruction", "counts"),
    [
        (Update(), True),
        (SetFutureEpochRates(), True),
        (JoinRun(client(4)), True),
        (SetPaused(False), True),
        (UpdateClientVersion("9"), False),
        (FreeCoordinator(), False),
    ],
)
def test_what_counts(instruction: Instruction, counts: bool) -> None:
    run = uninitialized()
    nonce = run.state.nonce
    run.do(instruction, client(4).signer)
    assert run.state.nonce == nonce + counts
    assert (f"Nonce: {nonce + 1}" in run.last.log) == counts


def test_ticks_and_the_instructions_of_clients_count_once() -> None:
    run = waiting(0, 1, 2).wait(5).tick()
    nonce = run.state.nonce
    run.warmup_witness(0).wait(10).tick().witness(0).checkpoint(0, "eph")
    assert run.state.nonce == nonce + 4


def test_rejoining_renews_the_identity() -> None:
    run = waiting(0, 1)
    moved = client(0)._replace(p2p_identity=b"\5" * 32)
    run.do(JoinRun(moved), moved.signer)
    assert [each.id for each in run.state.clients] == [moved, client(1)]
    assert run.last.log == (
        "Instruction: JoinRun",
        f"Nonce: {run.state.nonce}",
        f"Existing client {moved.display_id} re-joined",
        "Pending active clients ids: 2",
        "Pre-tick run state: Waiting for members",
        "Post-tick run state: Waiting for members",
    )


def test_a_join_while_halted_is_remembered_but_void_after_the_resume() -> None:
    run = uninitialized().join(0)
    assert run.last.log[-1] == f"New client {client(0).display_id} joined, 1 total clients"
    run.do(SetPaused(False))
    assert run.last.log[-3:] == (
        "Pending active clients ids: 0",
        "Pre-tick run state: Waiting for members",
        "Post-tick run state: Waiting for members",
    )


def test_log_of_an_epoch() -> None:
    run = waiting(0, 1, 2).wait(5).tick()
    assert list(run.last.log) == [
        "Instruction: Tick",
        f"Nonce: {run.state.nonce}",
        "Pending active clients ids: 3",
        "Pre-tick run state: Waiting for members",
        "New epoch just starting, save epoch rewards rate",
        "Post-tick run state: Warmup",
    ]
    run.wait(10).tick()
    assert list(run.last.log[2:]) == [
        "Pre-tick run state: Warmup",
        "New epoch just starting, save epoch active clients",
        "Post-tick run state: Training",
    ]


def test_log_of_a_pause_and_a_new_version() -> None:
    run = warmup().do(SetPaused(True))
    assert run.last.log[-1] == "set_paused called: paused=true, state=Warmup"
    run.do(UpdateClientVersion("2.0"))
    assert run.last.log == ("Instruction: UpdateClientVersion", "new version: 2.0")
    assert run.state.client_version == "2.0"


@pytest.mark.parametrize(
    ("version", "logged", "stored"), [("a\0b", "a", "a\0b"), ("a\0", "a", "a"), ("\0a", "", "\0a"), ("\0\0", "", "")]
)
def test_the_log_of_a_new_version_ends_at_its_first_nul(version: str, logged: str, stored: str) -> None:
    run = uninitialized().do(UpdateClientVersion(version))
    assert run.last.log[-1] == f"new version: {logged}"
    assert run.state.client_version == stored


def test_the_log_of_a_refusal_ends_where_it_happened() -> None:
    run = warmup()
    assert run.attempt(Update(config={})) == 6001
    assert run.last.log == ("Instruction: Update", f"Nonce: {run.state.nonce + 1}")


def test_rates_one_by_one() -> None:
    run = training().do(SetFutureEpochRates(5)).do(SetFutureEpochRates(None, 6)).do(SetFutureEpochRates())
    assert run.state.future_epoch_rates == EpochRates(5, 6)
    run.do(SetFutureEpochRates(0, 2**64 - 1))
    assert run.state.future_epoch_rates == EpochRates(0, 2**64 - 1)


def test_metadata_may_change_while_an_epoch_runs() -> None:
    metadata = {"name": "n", "description": "d", "num_parameters": 7, "vocab_size": 8}
    run = training().do(Update(metadata=metadata))
    assert run.state.metadata == metadata


def test_a_clock_before_1970_is_read_as_a_huge_time() -> None:
    run = warmup()
    run.now = -5
    run.do(Tick()).is_at(RunState.ROUND_TRAIN)
    assert run.state.run_state_start_timestamp == 2**64 - 5
