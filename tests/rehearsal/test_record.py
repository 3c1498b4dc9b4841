"""The record of a run that is observed, beside the one of the simulation that played it."""

from __future__ import annotations

from pathlib import Path

from psyche_cli.model.instructions import Instruction, SetPaused
from psyche_cli.model.outcomes import Outcome
from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.simulation.engine import new_run, simulate
from psyche_cli.model.simulation.world import World, new_member
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.record import RunRecord
from psyche_cli.run_config.load import load_run_config

CONFIG = load_run_config(Path("configs/minimal.toml"))


def world(members: int, changes: tuple[Change, ...] = ()) -> World:
    state = new_run(CONFIG.config, CONFIG.model, earning_rate=1000)
    behavior = Behavior(train_seconds=2)
    return World(state, Start(1000, 0), map(new_member, range(members)), behavior=behavior, changes=changes)


def recorded(played: World, epochs: int) -> RunRecord:
    """The record of a world that is observed after every instruction."""
    played.do(SetPaused(paused=False))
    record = RunRecord(played.state, played.now)

    def observe(_: CoordinatorState, __: Instruction, ___: bytes, outcome: Outcome) -> None:
        record.observe(outcome.state, played.now)

    played.observe = observe
    while played.state.progress["epoch"] < epochs:
        played.play()
        if played.state.progress["epoch"] < epochs:
            played.skip(played.now + 1, 0)
    return record


def test_states_and_epochs_are_those_of_the_simulation() -> None:
    changes = (Change(7, dropping=1),)
    expected = simulate(world(4, changes), epochs=2, every_second=True)
    record = recorded(world(4, changes), 2)
    assert list(record.history) == list(expected.history)
    assert record.epochs == expected.epochs
    assert record.state == expected.state


def test_rounds_have_their_clients_witnesses_and_batches() -> None:
    record = recorded(world(4, (Change(7, dropping=1),)), 2)
    wallets = tuple(new_member(number).signer for number in range(4))
    assert [one.step for one in record.rounds] == [*range(1, record.state.step)]
    assert sum(one.sequences for one in record.rounds) == record.state.progress["epoch_start_data_index"]
    first = record.rounds[0]
    assert (first.clients, first.seen, first.dropped) == (wallets, wallets, ())
    assert sorted(first.witnesses) == sorted(wallets)
    without = [one.step for one in record.rounds if wallets[3] not in one.seen]
    assert without == [*range(7, record.state.step)]
    assert [one.step for one in record.rounds if one.dropped] == [8]
    assert not any(one.is_lost for one in record.rounds)


def test_a_round_without_witnesses_is_lost() -> None:
    record = recorded(world(1, (Change(4, dropping=1),)), 1)
    assert [one.step for one in record.rounds if one.is_lost] == [4]
    assert record.rounds[-1].witnesses == ()


def test_the_round_in_progress_has_no_end() -> None:
    played = world(2)
    played.do(SetPaused(paused=False))
    record = RunRecord(played.state, played.now)
    while played.state.run_state != RunState.ROUND_TRAIN:
        played.play()
        record.observe(played.state, played.now)
        played.skip(played.now + 1, 0)
    assert record.rounds == []
    assert [(one.step, one.ended_at) for one in record.all_rounds] == [(1, None)]
