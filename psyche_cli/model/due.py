"""When the state of a run ends by time, so that the next tick changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from psyche_cli.model.execution import Clock, Execution
from psyche_cli.model.machine import tick
from psyche_cli.model.outcomes import Abort, Refusal
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.run_states import RunState

DURATION_KEYS: Final[Mapping[RunState, str]] = {
    RunState.WAITING_FOR_MEMBERS: "waiting_for_members_extra_time",
    RunState.WARMUP: "warmup_time",
    RunState.ROUND_TRAIN: "max_round_train_time",
    RunState.ROUND_WITNESS: "round_witness_time",
    RunState.COOLDOWN: "cooldown_time",
}
"""The configuration key for the duration of each state that ends by time."""


class Need(NamedTuple):
    """Whether a tick is due.

    ``due_in`` is the cluster time in seconds until a tick is due, 0 for now, and None if the run is not waiting for
    time to pass. ``reason`` states why no tick is due now.
    """

    due_in: int | None
    reason: str = ""

    @property
    def now(self) -> bool:
        """Whether a tick is due now."""
        return self.due_in == 0


def need_of_tick(state: CoordinatorState, clock: Clock) -> Need:
    """When a tick will change the run's state: now, later, or only after something else has happened."""
    if state.run_state.is_halted:
        return Need(None, f"it is {state.run_state.text}, which only its owner can change")
    if would_move(state, clock):
        return Need(0)
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        joined = sum(client.active == state.next_active for client in state.clients)
        wanted = state.config["init_min_clients"]
        if joined < wanted:
            return Need(None, f"it is waiting for members ({joined} of {wanted} have joined)")
    ends = state.run_state_start_timestamp + state.config[DURATION_KEYS[state.run_state]]
    return Need(max(ends - clock.unix_timestamp, 1), f"it is {state.run_state.text}")


def would_move(state: CoordinatorState, clock: Clock) -> bool:
    """Whether a tick of the program would change anything except its bookkeeping fields."""
    try:
        after = tick(state, Execution(signer=bytes(32), clock=clock))
    except (Refusal, Abort):
        return True  # sending the tick reports the program's own error
    flags = {"is_warmup_first_tick": False, "is_training_first_tick": False, "nonce": 0}
    return replace(after, **flags) != replace(state, **flags)  # type: ignore[arg-type]  # of these names
