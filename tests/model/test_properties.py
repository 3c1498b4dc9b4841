"""Invariants of a run under random operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.limits import MAX_CLIENTS, MAX_WITNESSES
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
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
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter, WitnessRecord
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.model.random_play import RandomPlay
from tests.model.recording import checkpoint_of, client, model_of
from tests.support.config_keys import CONFIG_KEYS

S = RunState
TABLE = {
    (S.UNINITIALIZED, S.WAITING_FOR_MEMBERS),
    (S.PAUSED, S.WAITING_FOR_MEMBERS),
    (S.WAITING_FOR_MEMBERS, S.WARMUP),
    (S.WAITING_FOR_MEMBERS, S.PAUSED),
    (S.WARMUP, S.ROUND_TRAIN),
    (S.WARMUP, S.PAUSED),
    (S.ROUND_TRAIN, S.ROUND_WITNESS),
    (S.ROUND_WITNESS, S.ROUND_TRAIN),
    (S.ROUND_WITNESS, S.COOLDOWN),
    (S.COOLDOWN, S.WAITING_FOR_MEMBERS),
    (S.COOLDOWN, S.FINISHED),
    (S.COOLDOWN, S.PAUSED),
}
"""All state transitions that instructions can cause."""


def check_invariants(before: CoordinatorState, after: CoordinatorState) -> None:
    assert before.run_state == after.run_state or (before.run_state, after.run_state) in TABLE
    assert after.nonce - before.nonce in (0, 1)
    assert len(after.clients) >= len(before.clients)
    assert len(after.clients) <= MAX_CLIENTS
    assert len({each.id.signer for each in after.clients}) == len(after.clients)
    assert len(after.epoch.clients) + len(after.epoch.exited_clients) <= MAX_CLIENTS
    assert all(len(part.witnesses) <= MAX_WITNESSES for part in after.epoch.rounds)
    assert 0 <= after.epoch.rounds_head < 4
    assert len(after.epoch.rounds) == 4
    assert after.next_active - before.next_active in (0, 1)
    for old, new in zip(before.clients, after.clients, strict=False):
        assert old.id.signer == new.id.signer
        assert old.earned <= new.earned
        assert new.slashed == 0
    assert all(each.state != ClientState.HEALTHY for each in after.epoch.exited_clients)
    assert not after.pending_pause or after.run_state.is_active
    if after.run_state != RunState.UNINITIALIZED:
        assert after.step >= 1


@given(st.integers(0, 2**32 - 1))
def test_invariants_of_a_run_that_is_played(seed: int) -> None:
    play = RandomPlay(seed)
    for _ in range(60):
        before, nonce = play.state, play.state.nonce
        _, _, outcome = play.step()
        assert before.nonce == nonce
        if outcome.succeeded:
            check_invariants(before, outcome.state)
        else:
            assert outcome.state is before


u64s = st.integers(0, 2**64 - 1) | st.integers(0, 5)
u32s = st.integers(0, 2**32 - 1) | st.integers(0, 5)
u16s = st.integers(0, 2**16 - 1) | st.integers(0, 5)
u8s = st.integers(0, 255) | st.integers(0, 5)
identities = st.builds(client, st.integers(0, 4)) | st.builds(Identity, st.binary(min_size=32, max_size=32))
blooms = st.builds(
    BloomFilter,
    st.lists(u64s, min_size=8, max_size=8).map(tuple),
    st.lists(u64s, min_size=16, max_size=16).map(tuple),
)
records = st.builds(WitnessRecord, position=u64s, index=u64s, witness=u8s, participant_bloom=blooms)
SIZES: dict[str, Any] = dict.fromkeys(CONFIG_KEYS[:6], u64s) | {
    "total_steps": u32s,
    **dict.fromkeys(CONFIG_KEYS[7:12], u16s),
    **dict.fromkeys(CONFIG_KEYS[12:], u8s),
}
configs = st.fixed_dictionaries(SIZES)
checkpoints = st.sampled_from(["eph", "hub:", "hub:a", "p2p:a", "gcs:a", "p2pgcs:", "dummy:"])
models = st.builds(model_of, checkpoints, u32s, u32s, st.sampled_from(["distro", "dummy"]))
progresses = st.fixed_dictionaries({"epoch": u16s, "step": u32s, "epoch_start_data_index": u64s})
metadata = st.fixed_dictionaries(
    {"name": st.just(""), "description": st.just(""), "num_parameters": u64s, "vocab_size": u64s}
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
instructions: st.SearchStrategy[Instruction] = st.one_of(
    st.builds(Update, st.none() | metadata, st.none() | configs, st.none() | models, st.none() | progresses),
    st.builds(UpdateClientVersion, texts),
    st.builds(SetFutureEpochRates, st.none() | u64s, st.none() | u64s),
    st.builds(SetPaused, st.booleans()),
    st.builds(JoinRun, identities),
    st.just(Tick()),
    st.builds(Witness, records),
    st.builds(WarmupWitness, records),
    st.builds(HealthCheck, identities, st.sampled_from(Committee), u64s, u64s),
    st.builds(Checkpoint, checkpoints.map(checkpoint_of)),
    st.just(FreeCoordinator()),
)
clocks = st.builds(Clock, st.integers(-(2**63), 2**63 - 1) | st.integers(990, 1100), u64s)


@given(st.integers(0, 50), st.integers(0, 80), configs, models, progresses, instructions, st.data(), clocks)
def test_no_instruction_raises_in_any_state(
    seed: int,
    steps: int,
    config: dict[str, int],
    model: Any,
    progress: dict[str, int],
    instruction: Instruction,
    data: st.DataObject,
    clock: Clock,
) -> None:
    play = RandomPlay(seed)
    for _ in range(steps):
        play.step()
    state = play.state
    if data.draw(st.booleans(), label="foreign values"):
        # Such as no instruction leaves behind, but an account may hold.
        state = replace(state, config=config, model=model, progress=progress)
    if isinstance(instruction, JoinRun):
        signer = instruction.client_id.signer
    else:
        signer = data.draw(st.integers(0, 8).map(lambda number: client(number).signer), label="signer")
    outcome = apply(state, instruction, signer, clock)
    assert outcome.succeeded == (outcome.error is None and outcome.abort is None)
    assert outcome.succeeded or outcome.state is state
    assert outcome.log[0] == f"Instruction: {type(instruction).__name__}"
    again = apply(state, instruction, signer, clock)
    assert again == outcome


@given(instructions, clocks)
def test_on_a_new_run_only_the_owner_gets_anywhere(instruction: Instruction, clock: Clock) -> None:
    outcome = apply(initial_state("run", "1"), instruction, client(0).signer, clock)
    if outcome.succeeded:
        assert isinstance(instruction, Update | UpdateClientVersion | SetFutureEpochRates | FreeCoordinator)
        assert outcome.state.run_state == RunState.UNINITIALIZED


def test_random_play_covers_all_transitions() -> None:
    seen = set()
    for seed in range(20):
        play = RandomPlay(seed)
        for _ in range(300):
            before = play.state.run_state
            play.step()
            if before != play.state.run_state:
                seen.add((before, play.state.run_state))
    assert seen == TABLE
