"""The tick: the transitions of a run that depend on time.

It runs as a separate instruction and at the end of most others. Each state has one rule; ``tick`` wraps them and
handles what depends on the list of pending clients: membership, rates, rejoining and rewards.
"""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.limits import MAX_CLIENTS, U16_MAX, U32_MAX
from psyche_cli.model import older
from psyche_cli.model.arithmetic import add
from psyche_cli.model.checkpoints import load_from_peers, load_from_repository
from psyche_cli.model.execution import Execution
from psyche_cli.model.outcomes import ErrorCode, Refusal
from psyche_cli.model.rewards import distribute_rewards
from psyche_cli.model.states import CoordinatorState, EpochState, OlderState
from psyche_cli.model.transitions import (
    can_continue,
    change_state,
    enter_cooldown,
    last_step,
    move_unhealthy_to_exited,
    next_data_index,
    pause_now,
    start_round,
    timed_out,
    wait_for_members_or_finish,
    withdraw_healthy,
)
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, Identity
from psyche_cli.protocol.run_states import RunState


def tick(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Apply the transition that is due, if any. Refuses (6015) in a halted state."""
    pending_ids: tuple[Identity, ...] = ()
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        state = replace(state, is_warmup_first_tick=True, is_training_first_tick=True)
        pending_ids = tuple(client.id for client in state.clients if client.active == state.next_active)
        execution.log(f"Pending active clients ids: {len(pending_ids)}")
    execution.log(f"Pre-tick run state: {state.run_state.text}")
    state, epoch_end = _tick_run(state, pending_ids, execution)
    if epoch_end is None:
        state = _first_ticks(state, execution)
    else:
        execution.log(f"Epoch end, sucecsss: {'true' if epoch_end else 'false'}")
        state = distribute_rewards(state)
    execution.log(f"Post-tick run state: {state.run_state.text}")
    return state


def _first_ticks(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Once per epoch each: adopt the rates on entering Warmup; require all clients to rejoin on entering RoundTrain."""
    if not state.epoch.first_round:
        return state
    if state.run_state == RunState.WARMUP and state.is_warmup_first_tick:
        execution.log("New epoch just starting, save epoch rewards rate")
        return replace(state, current_epoch_rates=state.future_epoch_rates, is_warmup_first_tick=False)
    if state.run_state == RunState.ROUND_TRAIN and state.is_training_first_tick:
        execution.log("New epoch just starting, save epoch active clients")
        return replace(state, next_active=add(state.next_active, 1), is_training_first_tick=False)
    return state


def _tick_run(
    state: CoordinatorState, pending_ids: tuple[Identity, ...], execution: Execution
) -> tuple[CoordinatorState, bool | None]:
    """Apply the rule of the current state.

    The second value is True if an epoch completed, False if it ended for lack of clients, and None if no epoch ended.
    """
    match state.run_state:
        case RunState.WAITING_FOR_MEMBERS:
            return _tick_waiting_for_members(state, pending_ids, execution.now), None
        case RunState.WARMUP:
            return _tick_warmup(state, execution)
        case RunState.ROUND_TRAIN:
            return _tick_round_train(state, execution.now), None
        case RunState.ROUND_WITNESS if isinstance(state, OlderState):
            return older.tick_round_witness(state, execution), None
        case RunState.COOLDOWN if isinstance(state, OlderState):
            return older.tick_cooldown(state, execution.now)
        case RunState.ROUND_WITNESS:
            return _tick_round_witness(state, execution), None
        case RunState.COOLDOWN:
            return _tick_cooldown(state, execution.now)
        case _:
            raise Refusal(ErrorCode.COORDINATOR_ERROR_HALTED)


def _tick_waiting_for_members(state: CoordinatorState, pending_ids: tuple[Identity, ...], now: int) -> CoordinatorState:
    """Enter Warmup with the clients that have joined, once there are enough and the extra waiting time has elapsed."""
    extra_time = state.config["waiting_for_members_extra_time"]
    if len(pending_ids) < state.config["init_min_clients"] or not timed_out(state, extra_time, now):
        return state
    state = move_unhealthy_to_exited(state, state.current_round.height)
    pending_wallets = {identity.signer for identity in pending_ids}
    if not any(client.id.signer in pending_wallets for client in state.epoch.clients):
        state = load_from_repository(state)
    epoch = EpochState(
        clients=tuple(EpochClient(identity) for identity in pending_ids[:MAX_CLIENTS]),
        start_step=state.step,
        start_timestamp=now,
        first_round=True,
        cold_start_epoch=state.epoch.cold_start_epoch,
    )
    return change_state(replace(state, epoch=epoch), RunState.WARMUP, now)


def _tick_warmup(state: CoordinatorState, execution: Execution) -> tuple[CoordinatorState, bool | None]:
    """Start the first round after ``warmup_time``. (Too few clients cannot occur: none are removed in this state.)"""
    if timed_out(state, state.config["warmup_time"], execution.now):
        state = start_round(state, execution)
    else:
        state = move_unhealthy_to_exited(state, 0)
    if len(state.epoch.clients) < state.config["min_clients"]:
        return wait_for_members_or_finish(state, execution.now), False
    return state, None


def _tick_round_train(state: CoordinatorState, now: int) -> CoordinatorState:
    """Enter RoundWitness after ``max_round_train_time``. (``participants.witness`` enters it once all witnesses
    arrived.)"""
    if timed_out(state, state.config["max_round_train_time"], now):
        return change_state(state, RunState.ROUND_WITNESS, now)
    return state


def _tick_round_witness(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Complete the step after ``round_witness_time``, then start the next round, or enter Cooldown if the epoch must
    end."""
    if not timed_out(state, state.config["round_witness_time"], execution.now):
        return state
    state = replace(state, epoch=replace(state.epoch, first_round=False))
    state = state.with_progress(step=add(state.step, 1, U32_MAX))
    witnesses = len(state.current_round.witnesses)
    state = move_unhealthy_to_exited(state, state.current_round.height)
    if witnesses == 0:
        return enter_cooldown(withdraw_healthy(state), execution.now)
    state = replace(state, epoch=replace(state.epoch, last_step=last_step(state, state.step, execution.now)))
    if state.epoch.last_step != 0 and state.step == state.epoch.last_step:
        return enter_cooldown(state, execution.now)
    if can_continue(state, witnesses):
        return start_round(state, execution)
    return enter_cooldown(state, execution.now)


def _tick_cooldown(state: CoordinatorState, now: int) -> tuple[CoordinatorState, bool | None]:
    """End the epoch after ``cooldown_time``. An uploaded checkpoint does not shorten Cooldown."""
    if not timed_out(state, state.config["cooldown_time"], now):
        return state, None
    state = state.with_progress(
        epoch_start_data_index=next_data_index(state),
        epoch=add(state.progress["epoch"], 1, U16_MAX),
    )
    state = move_unhealthy_to_exited(state, state.current_round.height)
    state = load_from_peers(state)
    if state.pending_pause:
        return replace(pause_now(state, now), pending_pause=False), True
    state = wait_for_members_or_finish(state, now)
    return replace(state, epoch=replace(state.epoch, cold_start_epoch=False)), True
