"""Transitions that several rules share: changing state, timeouts, starting a round, removing clients."""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.limits import MAX_CLIENTS, ROUNDS_AFTER_EPOCH_TIME, STORED_ROUNDS, U32_MAX
from psyche_cli.model.arithmetic import add, multiply
from psyche_cli.model.committee import quorum
from psyche_cli.model.execution import Execution
from psyche_cli.model.outcomes import Abort
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.batch_size import batch_size

_LOWEST_LAST_STEP = 4
"""Lower last steps are not stored (the comparison is with the run's step, not with the rounds of the epoch)."""


def change_state(state: CoordinatorState, target: RunState, now: int) -> CoordinatorState:
    """Enter ``target`` now. Aborts if the run is already in it."""
    if state.run_state == target:
        raise Abort(f"the run is already in the state {target.text}")
    return replace(state, run_state=target, run_state_start_timestamp=now)


def timed_out(state: CoordinatorState, duration: int, now: int) -> bool:
    """Whether the current state has lasted ``duration`` seconds.

    Never in the second in which it was entered, even for a duration of 0, so that at most one timed transition happens
    per second. Aborts if start plus duration overflows.
    """
    return _elapsed(state.run_state_start_timestamp, duration, now)


def epoch_timed_out(state: CoordinatorState, now: int) -> bool:
    """Whether the epoch has lasted ``epoch_time`` seconds."""
    return _elapsed(state.epoch.start_timestamp, state.config["epoch_time"], now)


def _elapsed(start: int, duration: int, now: int) -> bool:
    return start != now and now >= add(start, duration)


def last_step(state: CoordinatorState, step: int, now: int) -> int:
    """The last step of the epoch, as stored at the end of a round after which the run is at ``step``; 0 without one.

    It is stored once ``epoch_time`` has elapsed. Aborts if a time or a step overflows.
    """
    if not epoch_timed_out(state, now) or state.epoch.last_step != 0:
        return state.epoch.last_step
    found = add(step, ROUNDS_AFTER_EPOCH_TIME, U32_MAX)
    return found if found >= _LOWEST_LAST_STEP else 0


def steps_left(state: CoordinatorState) -> bool:
    """Whether the run has steps left."""
    return state.step < state.config["total_steps"]


def wait_for_members_or_finish(state: CoordinatorState, now: int) -> CoordinatorState:
    """Enter WaitingForMembers or, if no steps are left, Finished."""
    return change_state(state, RunState.WAITING_FOR_MEMBERS if steps_left(state) else RunState.FINISHED, now)


def pause_now(state: CoordinatorState, now: int) -> CoordinatorState:
    """Enter Paused: all clients are withdrawn, and the next epoch is a cold start."""
    state = change_state(withdraw_healthy(state), RunState.PAUSED, now)
    return replace(state, epoch=replace(state.epoch, cold_start_epoch=True))


def withdraw_healthy(state: CoordinatorState) -> CoordinatorState:
    """Mark every Healthy client of the epoch as Withdrawn, so that it earns nothing."""
    clients = tuple(
        client._replace(state=ClientState.WITHDRAWN) if client.state == ClientState.HEALTHY else client
        for client in state.epoch.clients
    )
    return replace(state, epoch=replace(state.epoch, clients=clients))


def move_unhealthy_to_exited(state: CoordinatorState, height: int) -> CoordinatorState:
    """Move clients that are not Healthy to the exited clients, with ``height`` as the round in which they left."""
    staying: list[EpochClient] = []
    exited = list(state.epoch.exited_clients)
    for client in state.epoch.clients:
        if client.state == ClientState.HEALTHY:
            staying.append(client)
        elif len(exited) == MAX_CLIENTS:
            raise Abort("the list of exited clients is full")
        else:
            exited.append(client._replace(exited_height=height))
    return replace(state, epoch=replace(state.epoch, clients=tuple(staying), exited_clients=tuple(exited)))


def next_data_index(state: CoordinatorState) -> int:
    """The index of the sequence after the current round's batch. Aborts if sequences or tokens overflow u64."""
    index = state.current_round.data_index
    return add(index, batch_size(multiply(index, state.max_seq_len), state.config))


def start_round(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Enter RoundTrain in the next slot of the ring buffer, or in the first one at the beginning of an epoch."""
    if state.epoch.first_round:
        head, height, data_index = 0, 0, state.progress["epoch_start_data_index"]
    else:
        head = (state.epoch.rounds_head + 1) % STORED_ROUNDS
        height = add(state.current_round.height, 1, U32_MAX)
        data_index = next_data_index(state)
    state = replace(state, epoch=replace(state.epoch, rounds_head=head))
    state = state.with_current_round(
        Round(
            data_index=data_index,
            random_seed=execution.clock.random_seed,
            height=height,
            clients_len=len(state.epoch.clients),
        )
    )
    return change_state(state, RunState.ROUND_TRAIN, execution.now)


def enter_cooldown(state: CoordinatorState, now: int) -> CoordinatorState:
    """Enter Cooldown. The witnesses of the last round are discarded."""
    state = state.with_current_round(replace(state.current_round, witnesses=()))
    return change_state(state, RunState.COOLDOWN, now)


def can_continue(state: CoordinatorState, witnesses: int) -> bool:
    """Whether the epoch can continue after a round with ``witnesses`` witnesses, at least one: there are enough clients
    and witnesses, steps remain, and no pause is pending."""
    return (
        len(state.epoch.clients) >= state.config["min_clients"]
        and witnesses >= quorum(witnesses, state.config)
        and steps_left(state)
        and not state.pending_pause
    )
