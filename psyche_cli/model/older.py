"""The older rules of an epoch's end, which the program with account layout 0 had.

Source: its documentation ("Cooldown State", edition of 2025-01-22). An epoch has a fixed number of rounds; a checkpoint
ends Cooldown, and is accepted only there and once per epoch. Everything else is as in today's program. The codes of
its errors are not documented; those used here are the nearest ones of today's program.
"""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.limits import U16_MAX, U32_MAX
from psyche_cli.model import checkpoints
from psyche_cli.model.arithmetic import add
from psyche_cli.model.checkpoints import CheckpointValue
from psyche_cli.model.execution import Execution
from psyche_cli.model.outcomes import ErrorCode, Refusal
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.model.transitions import (
    can_continue,
    enter_cooldown,
    move_unhealthy_to_exited,
    next_data_index,
    pause_now,
    start_round,
    timed_out,
    wait_for_members_or_finish,
)
from psyche_cli.protocol.run_states import RunState


def is_last_round(state: OlderState) -> bool:
    """Whether the current round is the last one of its epoch."""
    return state.current_round.height + 1 >= state.rounds_per_epoch


def tick_round_witness(state: OlderState, execution: Execution) -> CoordinatorState:
    """Complete the step after ``round_witness_time``, then start the next round, or enter Cooldown after the last one,
    with too few clients or witnesses, with no steps left, or with a pending pause."""
    if not timed_out(state, state.config["round_witness_time"], execution.now):
        return state
    is_last, witnesses = is_last_round(state), len(state.current_round.witnesses)
    moved: CoordinatorState = replace(state, epoch=replace(state.epoch, first_round=False))
    moved = moved.with_progress(step=add(state.step, 1, U32_MAX))
    moved = move_unhealthy_to_exited(moved, state.current_round.height)
    if is_last or witnesses == 0 or not can_continue(moved, witnesses):
        return enter_cooldown(checkpoints.hub_from_peers(moved), execution.now)
    return start_round(moved, execution)


def tick_cooldown(state: OlderState, now: int) -> tuple[CoordinatorState, bool | None]:
    """End the epoch after ``cooldown_time``, if that is above 0, or once a checkpoint was recorded.

    The second value is as in ``machine``: True if the epoch ended.
    """
    duration = state.config["cooldown_time"]
    if not state.checkpointed and (duration == 0 or not timed_out(state, duration, now)):
        return state, None
    ended: CoordinatorState = replace(state, checkpointed=False)
    ended = ended.with_progress(
        epoch_start_data_index=next_data_index(state), epoch=add(state.progress["epoch"], 1, U16_MAX)
    )
    ended = move_unhealthy_to_exited(ended, state.current_round.height)
    if state.pending_pause:
        return replace(pause_now(ended, now), pending_pause=False), True
    ended = wait_for_members_or_finish(ended, now)
    return replace(ended, epoch=replace(ended.epoch, cold_start_epoch=False)), True


def checkpoint(state: OlderState, submitted: CheckpointValue) -> CoordinatorState:
    """Record the checkpoint of a client of the epoch; the next tick ends Cooldown.

    Refuses (6012) outside Cooldown, and a second checkpoint of an epoch.
    """
    if state.run_state != RunState.COOLDOWN or state.checkpointed:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_RUN_STATE)
    return replace(checkpoints.submit(state, submitted), checkpointed=True)  # type: ignore[call-arg]  # an OlderState
