"""What a command waits for: whether a run has reached it, and whether it still can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.errors import UsageError
from psyche_cli.lifecycle.machine import reachable
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN
from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.model.transitions import steps_left
from psyche_cli.operations.status.membership import membership_of
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.rules import is_unset

if TYPE_CHECKING:
    from psyche_cli.model.states import CoordinatorState

_NAMES: Final[Mapping[str, RunState]] = {
    name.replace(" ", "").lower(): state for state in RunState for name in (state.variant, state.text)
}


class Goal(NamedTuple):
    """What a command waits for: one of ``states``, or at least this step, epoch or number of members."""

    states: tuple[RunState, ...] = ()
    step: int | None = None
    epoch: int | None = None
    members: int | None = None

    @property
    def text(self) -> str:
        """The goal as the object of a sentence."""
        if self.step is not None:
            return f"step {self.step}"
        if self.epoch is not None:
            return f"epoch {self.epoch}"
        if self.members is not None:
            return "1 member" if self.members == 1 else f"{self.members} members"
        return " or ".join(state.text for state in self.states)

    def is_reached(self, state: CoordinatorState) -> bool:
        """Whether the run has reached the goal."""
        if self.step is not None:
            return state.step >= self.step
        if self.epoch is not None:
            return state.progress["epoch"] >= self.epoch
        if self.members is not None:
            return members_of(state) >= self.members
        return state.run_state in self.states

    def obstacle(self, state: CoordinatorState) -> str:
        """Why the run can no longer reach the goal, as a clause; empty if it can.

        The configuration is assumed not to change, except for that of a run without one. The owner may pause and
        resume the run.
        """
        if state.run_state == RunState.FINISHED:
            return "it is Finished"
        if is_unset(state.config):
            return self._obstacle_of_states(state, ())
        ends = _is_last_step(state)
        if state.run_state.is_halted and ends:
            return f"it is {state.run_state.text} and cannot be resumed, because no steps are left"
        if self.members is not None:
            most = _most_members(state)
            return f"at most {most} wallets can join it as configured" if self.members > most else ""
        if self.step is not None:
            total = state.config["total_steps"]
            return f"it ends at step {total} as configured" if self.step > total else ""
        if self.epoch is not None:
            most = _most_epochs(state)
            return f"it ends at epoch {most} at the latest, as configured" if self.epoch > most else ""
        return self._obstacle_of_states(state, ("not-steps-left",) if ends else ())

    def _obstacle_of_states(self, state: CoordinatorState, given: tuple[str, ...]) -> str:
        possible = reachable(PSYCHE_RUN, state.run_state.variant, given)
        if not self.states or any(wanted.variant in possible for wanted in self.states):
            return ""
        return f"no sequence of states leads from {state.run_state.text} to {self.text}"


def parse_states(text: str, option: str) -> tuple[RunState, ...]:
    """The states in a list with commas, by their names in the program or as shown, regardless of case and spaces.

    Raises UsageError.
    """
    found = []
    for name in text.split(","):
        state = _NAMES.get(name.replace(" ", "").lower())
        if state is None:
            known = ", ".join("".join(word.capitalize() for word in state.text.split()) for state in RunState)
            raise UsageError(f"{option} has an unknown state: {name.strip()!r}.", hint=f"The states are {known}.")
        found.append(state)
    return tuple(found)


def members_of(state: CoordinatorState) -> int:
    """The healthy members of the epoch in progress or those that have joined the next one, whichever are more."""
    membership = membership_of(state)
    return max(membership.joined, sum(member.is_healthy for member in membership.members))


def _is_last_step(state: CoordinatorState) -> bool:
    """Whether no further step follows, so that no other epoch can begin."""
    if state.run_state == RunState.UNINITIALIZED:
        return state.config["total_steps"] <= 1
    if state.run_state in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
        return state.step + 1 >= state.config["total_steps"]
    return not steps_left(state)


def _most_members(state: CoordinatorState) -> int:
    """The largest number of wallets that can join. A limit below the number that have joined has no effect."""
    limit, joined = state.config["global_batch_size_end"], len(state.clients)
    return min(limit, MAX_CLIENTS) if joined <= limit else MAX_CLIENTS


def _most_epochs(state: CoordinatorState) -> int:
    """The number of the epoch after the last one, if every epoch has a single step."""
    steps = max(state.config["total_steps"] - max(state.step, 1), 0)
    return state.progress["epoch"] + steps + (state.run_state == RunState.COOLDOWN)
