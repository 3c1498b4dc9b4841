"""Why a simulation ended, and what is unusual about it, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psyche_cli.limits import U16_MAX
from psyche_cli.model.simulation.engine import End, Simulation
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.simulation.payloads import SimulationData
from psyche_cli.protocol.run_states import RunState

EPOCH_ENDS: Final = {
    None: "earlier",
    EpochEnd.LAST_ROUND.value: "last round",
    EpochEnd.NO_STEPS_LEFT.value: "no steps left",
    EpochEnd.TOO_FEW_CLIENTS.value: "too few members",
    EpochEnd.BELOW_QUORUM.value: "below quorum",
    EpochEnd.NO_WITNESSES.value: "no witnesses",
    EpochEnd.PAUSE_PENDING.value: "pause",
}
"""Short descriptions of why an epoch ended."""


def sentence(found: Simulation) -> str:
    """Why the simulation ended."""
    match found.end:
        case End.FINISHED:
            return "All steps are trained."
        case End.PAUSED:
            return "The owner paused the run."
        case End.EPOCHS:
            return f"The requested number of epochs ended: {len(found.epochs)}."
        case End.TOO_LONG:
            return "The simulation was cut off: the run takes too long, or its rounds are too irregular."
        case End.STUCK:
            return _obstacle(found)


def _obstacle(found: Simulation) -> str:
    state, failure = found.state, found.failure
    if state.run_state.is_halted:
        step = 1 if state.run_state == RunState.UNINITIALIZED else state.step
        if step >= _total_steps(found):
            return f"The run cannot be started: its step is {step}, and total_steps is {_total_steps(found)}."
        reason = "unknown" if failure is None or failure.error is None else failure.error.program_name
        return f"The program refuses to start the run: {reason}."
    if failure is not None:
        if state.progress["epoch"] == U16_MAX:
            return f"The run stays in {state.run_state.variant} forever: the program counts at most {U16_MAX:,} epochs."
        return f"The run stays in {state.run_state.variant} forever: every tick fails ({failure.abort})."
    joined = sum(client.active == state.next_active for client in state.clients)
    needed = state.config["init_min_clients"]
    if state.run_state != RunState.WAITING_FOR_MEMBERS:
        return f"The run stays in {state.run_state.variant} forever: nothing ends this state."
    have = "1 member joins" if joined == 1 else f"{joined} members join"
    return f"The run stays in WaitingForMembers forever: {have}, but init_min_clients is {needed}."


def _total_steps(found: Simulation) -> int:
    return found.state.config["total_steps"]


def cannot_join(count: int, limit: int) -> str:
    """The warning about members that exceed the number of wallets which can join a run."""
    who = "1 member cannot join" if count == 1 else f"{count} members cannot join"
    return f"{who}: the run is limited to {limit} wallets, which is its global_batch_size_end."


def unusual(found: Simulation, data: SimulationData) -> Iterator[str]:
    """Warnings about members that cannot join, changes that never happen, and a vault that does not suffice."""
    count = len(found.refused_joins)
    if count > 0:
        yield cannot_join(count, found.state.config["global_batch_size_end"])
    for change in found.unreached:
        what = "pause" if change.pausing else "join" if change.joining > 0 else "drop"
        yield f"The {what} planned for step {change.step} does not happen: the run ends at step {found.state.step}."
    if data.rewards.first_unfunded_epoch is not None:
        yield (
            f"The vault does not cover the rewards from epoch {data.rewards.first_unfunded_epoch} on. "
            f"{data.rewards.missing.amount:f} must be transferred to it."
        )
