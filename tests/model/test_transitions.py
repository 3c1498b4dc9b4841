"""Every transition between run states, and the absence of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from psyche_cli.model.instructions import SetPaused, Tick, Update
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.model.recording import client
from tests.model.stages import (
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


def test_uninitialized_to_waiting() -> None:
    run = uninitialized().wait(9).do(SetPaused(False)).is_at(RunState.WAITING_FOR_MEMBERS)
    assert run.state.run_state_start_timestamp == 1009
    assert (run.state.step, run.state.next_active) == (1, 1)
    assert run.state.is_warmup_first_tick
    assert run.state.is_training_first_tick


def test_resuming_a_new_run_forgets_its_step_but_not_its_data_index() -> None:
    run = uninitialized().do(Update(progress={"epoch": 3, "step": 9, "epoch_start_data_index": 77}))
    run.do(SetPaused(False))
    assert run.state.progress == {"epoch": 3, "step": 1, "epoch_start_data_index": 77}


def test_paused_to_waiting_requires_all_to_rejoin() -> None:
    run = paused().wait(1).do(SetPaused(False)).is_at(RunState.WAITING_FOR_MEMBERS)
    assert (run.state.next_active, [pending.active for pending in run.state.clients]) == (2, [1, 1])


def test_a_paused_run_without_steps_stays_paused() -> None:
    run = paused().do(Update(progress={"epoch": 0, "step": 50, "epoch_start_data_index": 0}))
    assert run.attempt(SetPaused(False)) == 6015
    assert run.stage == RunState.PAUSED


def test_waiting_to_warmup_needs_clients_and_the_extra_time() -> None:
    run = waiting(0, 1).wait(100).tick().is_at(RunState.WAITING_FOR_MEMBERS)
    run.join(2).is_at(RunState.WARMUP)
    assert list(run.members()) == ["0", "1", "2"]
    run = waiting(0, 1, 2).wait(4).tick().is_at(RunState.WAITING_FOR_MEMBERS)
    run.wait(1).tick().is_at(RunState.WARMUP)
    epoch = run.state.epoch
    assert (epoch.first_round, epoch.start_step, epoch.last_step, epoch.start_timestamp) == (True, 1, 0, run.now)
    assert epoch.rounds == (Round(),) * 4


@pytest.mark.parametrize("stage", [lambda: waiting(0, 1), warmup], ids=["waiting", "warmup"])
def test_pause_before_training_is_immediate(stage: Callable[[], Run]) -> None:
    run = stage().wait(1).do(SetPaused(True)).is_at(RunState.PAUSED)
    assert set(run.members().values()) <= {"Withdrawn"}
    assert run.state.epoch.cold_start_epoch
    assert not run.state.pending_pause
    assert run.state.run_state_start_timestamp == run.now


def test_warmup_to_training_when_the_time_is_up() -> None:
    run = warmup().wait(9).tick().is_at(RunState.WARMUP).wait(1).tick().is_at(RunState.ROUND_TRAIN)
    assert run.state.epoch.rounds_head == 0
    current = run.state.current_round
    assert (current.height, current.data_index, current.clients_len, current.tie_breaker_tasks) == (0, 0, 3, 0)
    assert current.random_seed != 0
    assert (run.state.next_active, run.state.is_training_first_tick) == (2, False)


def test_warmup_to_training_when_all_are_ready() -> None:
    run = warmup()
    run.warmup_witness(0).warmup_witness(1).is_at(RunState.WARMUP)
    assert [record.index for record in run.state.current_round.witnesses] == [0, 1]
    run.warmup_witness(2).is_at(RunState.ROUND_TRAIN)
    assert run.state.current_round.witnesses == ()
    assert run.state.next_active == 2


def test_warmup_to_training_when_enough_witnesses_are_ready() -> None:
    warmup(witness_nodes=1).warmup_witness(1).is_at(RunState.ROUND_TRAIN)


@pytest.mark.parametrize(("step", "target"), [(1, RunState.WAITING_FOR_MEMBERS), (50, RunState.FINISHED)])
@pytest.mark.parametrize("seconds", [1, 10])
def test_warmup_ends_for_lack_of_clients(step: int, target: RunState, seconds: int) -> None:
    # No instruction leads here; the program has the rule all the same.
    run = warmup()
    state = run.state.with_progress(step=step)
    run.state = replace(state, epoch=replace(state.epoch, clients=state.epoch.clients[:1]))
    run.wait(seconds).tick().is_at(target)
    assert "Epoch end, sucecsss: false" in run.last.log


def test_training_to_witnessing_when_the_time_is_up() -> None:
    training().wait(19).tick().is_at(RunState.ROUND_TRAIN).wait(1).tick().is_at(RunState.ROUND_WITNESS)


def test_training_to_witnessing_when_all_witnesses_are_in() -> None:
    run = training().witness(0).witness(1).is_at(RunState.ROUND_TRAIN).witness(2).is_at(RunState.ROUND_WITNESS)
    assert run.state.run_state_start_timestamp == run.now


def test_a_quorum_alone_does_not_end_training() -> None:
    run = training(0, 1, 2, 3, 4, 5, witness_nodes=2)
    selected = [number for number in range(6) if is_witness(run, number)]
    run.witness(selected[0]).is_at(RunState.ROUND_TRAIN).witness(selected[1]).is_at(RunState.ROUND_WITNESS)


def is_witness(run: Run, number: int) -> bool:
    return run.proof(number).position < run.state.config["witness_nodes"]


def test_witnessing_to_the_next_round() -> None:
    run = training().play_round().is_at(RunState.ROUND_TRAIN)
    assert (run.state.step, run.state.epoch.first_round, run.state.epoch.rounds_head) == (2, False, 1)
    assert (run.state.current_round.height, run.state.current_round.data_index) == (1, 8)
    run.play_round().play_round().play_round()
    assert (run.state.epoch.rounds_head, run.state.current_round.height, run.state.step) == (0, 4, 5)


def test_late_witnesses_count() -> None:
    witnessing().witness(0).wait(3).tick().is_at(RunState.ROUND_TRAIN)


def test_witnessing_to_cooldown_without_witnesses() -> None:
    run = witnessing().wait(3).tick().is_at(RunState.COOLDOWN)
    assert set(run.members().values()) == {"Withdrawn"}
    assert run.state.step == 2


def test_witnessing_to_cooldown_below_the_quorum() -> None:
    run = training(witness_nodes=2)
    witness = next(number for number in range(3) if is_witness(run, number))
    run.witness(witness).wait(20).tick().wait(3).tick().is_at(RunState.COOLDOWN)
    assert set(run.members().values()) == {"Healthy"}
    assert run.state.current_round.witnesses == ()


def test_witnessing_to_cooldown_with_too_few_clients() -> None:
    run = training(min_clients=3).play_round().play_round(seen="0,1")
    run.do(run.accusation(2), client(0).signer)
    assert run.members()["2"] == "Dropped"
    run.play_round().is_at(RunState.COOLDOWN)
    assert run.state.epoch.exited_clients[0].exited_height == 2


def test_witnessing_to_cooldown_without_steps_left() -> None:
    training(total_steps=3).play_round().is_at(RunState.ROUND_TRAIN).play_round().is_at(RunState.COOLDOWN)


def test_witnessing_to_cooldown_with_a_pending_pause() -> None:
    run = training().do(SetPaused(True)).is_at(RunState.ROUND_TRAIN)
    assert run.state.pending_pause
    run.do(SetPaused(True)).play_round().is_at(RunState.COOLDOWN)
    assert run.state.pending_pause


def test_an_epoch_whose_time_is_up_runs_two_more_rounds() -> None:
    run = training(epoch_time=21).wait(8)
    run.play_round().is_at(RunState.ROUND_TRAIN)
    assert run.state.epoch.last_step == 4
    run.play_round().is_at(RunState.ROUND_TRAIN).play_round().is_at(RunState.COOLDOWN)
    assert run.state.step == 4


@pytest.mark.parametrize(("step", "last_step"), [(0, 0), (1, 4)])
def test_a_last_step_below_4_is_not_stored(step: int, last_step: int) -> None:
    run = training(epoch_time=21).wait(9)
    run.state = run.state.with_progress(step=step)  # No run trains at step 0; the program has the rule all the same.
    assert run.play_round().state.epoch.last_step == last_step


def test_unhealthy_clients_leave_in_warmup_at_height_0() -> None:
    run = warmup(0, 1, 2)
    clients = (run.state.epoch.clients[0]._replace(state=ClientState.DROPPED), *run.state.epoch.clients[1:])
    run.state = replace(run.state, epoch=replace(run.state.epoch, clients=clients)).with_current_round(Round(height=5))
    run.wait(1).tick().is_at(RunState.WARMUP)
    assert list(run.members()) == ["1", "2"]
    assert run.state.epoch.exited_clients == (clients[0]._replace(exited_height=0),)


def test_the_epoch_timeout_counts_from_the_set_up() -> None:
    run = training(epoch_time=21).wait(7).play_round()
    assert run.state.epoch.last_step == 0


def test_cooldown_to_waiting() -> None:
    run = training().play_round()
    run.wait(20).tick().wait(3).tick().is_at(RunState.COOLDOWN).wait(6).tick().is_at(RunState.COOLDOWN)
    run.wait(1).tick().is_at(RunState.WAITING_FOR_MEMBERS)
    assert run.state.progress == {"epoch": 1, "step": 3, "epoch_start_data_index": 16}
    assert "Epoch end, sucecsss: true" in run.last.log
    assert run.members() == {}  # No witnesses: all were withdrawn, and have exited.
    assert len(run.state.epoch.exited_clients) == 3


def test_cooldown_to_finished() -> None:
    run = cooldown().wait(7).tick().is_at(RunState.FINISHED)
    assert run.state.progress == {"epoch": 1, "step": 2, "epoch_start_data_index": 8}


def test_cooldown_to_paused() -> None:
    run = training().do(SetPaused(True)).play_round().wait(7).tick().is_at(RunState.PAUSED)
    assert not run.state.pending_pause
    assert run.state.epoch.cold_start_epoch
    assert set(run.members().values()) == {"Withdrawn"}


def test_cold_start_lasts_for_the_epoch_after_a_pause() -> None:
    run = training(total_steps=9).do(SetPaused(True)).play_round().wait(7).tick().do(SetPaused(False))
    run.join(0, 1, 2).wait(5).tick().is_at(RunState.WARMUP)
    assert run.state.epoch.cold_start_epoch
    run.wait(10).tick().wait(20).tick().wait(3).tick().wait(7).tick().is_at(RunState.WAITING_FOR_MEMBERS)
    assert not run.state.epoch.cold_start_epoch


@pytest.mark.parametrize("stage", [training, witnessing, cooldown], ids=["training", "witnessing", "cooldown"])
def test_a_pause_during_an_epoch_is_only_pending(stage: Callable[[], Run]) -> None:
    before = stage()
    state = before.state
    before.do(SetPaused(True))
    assert before.state == replace(state, pending_pause=True, nonce=state.nonce + 1)


@pytest.mark.parametrize("stage", [uninitialized, paused, finished], ids=["uninitialized", "paused", "finished"])
def test_halted_runs_do_not_tick(stage: Callable[[], Run]) -> None:
    assert stage().wait(10_000).attempt(Tick()) == 6015


@pytest.mark.parametrize("stage", [warmup, training, witnessing, cooldown])
def test_nothing_times_out_in_its_first_second_or_when_the_clock_is_behind(stage: Callable[[], Run]) -> None:
    run = stage()
    before = run.state
    run.state = replace(before, config=dict.fromkeys(before.config, 0))
    run.tick().is_at(before.run_state)
    run.wait(-1).tick().is_at(before.run_state)


def test_warmup_time_may_be_0_but_takes_a_second() -> None:
    warmup(warmup_time=0).tick().is_at(RunState.WARMUP).wait(1).tick().is_at(RunState.ROUND_TRAIN)


def test_clients_of_an_epoch_must_join_again_after_training_began() -> None:
    run = warmup().join(0).wait(10).tick().is_at(RunState.ROUND_TRAIN).join(1)
    assert [pending.active for pending in run.state.clients] == [1, 2, 1]


def test_rates_are_taken_over_on_entry_into_warmup() -> None:
    run = waiting(0, 1, 2)
    run.state = replace(run.state, future_epoch_rates=EpochRates(90, 7))
    run.wait(4).tick()
    assert run.state.current_epoch_rates == EpochRates()
    run.wait(1).tick()
    assert run.state.current_epoch_rates == EpochRates(90, 7)
    assert not run.state.is_warmup_first_tick
