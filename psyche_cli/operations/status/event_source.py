"""Two observations of a run, from which its events are derived."""

from __future__ import annotations

from typing import Any, TypeVar

from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.status.event_payloads import RunEvent
from psyche_cli.operations.status.observation import Observation
from psyche_cli.protocol.run_states import RunState

Event = TypeVar("Event", bound=RunEvent)


class EventSource:
    """Two observations of a run. ``before`` and ``after`` are the contents of its coordinator account."""

    def __init__(self, before: Observation, after: Observation) -> None:
        self.observed_before = before
        self.observed = after

    @property
    def before(self) -> CoordinatorState:
        """The state at the first observation."""
        return self.observed_before.state

    @property
    def after(self) -> CoordinatorState:
        """The state at the second observation."""
        return self.observed.state

    @property
    def is_another_run(self) -> bool:
        """Whether the run was closed, and another one created with its id. The nonce of a run never decreases."""
        old, new = self.observed_before.run.instance, self.observed.run.instance
        return old.coordinator_account != new.coordinator_account or self.instructions < 0

    @property
    def instructions(self) -> int:
        """The number of instructions between the observations."""
        return self.after.nonce - self.before.nonce

    @property
    def is_same_epoch(self) -> bool:
        """Whether the account contains the rounds and clients of the same epoch in both observations."""
        return self.before.epoch.start_timestamp == self.after.epoch.start_timestamp

    @property
    def decimals(self) -> int:
        """Decimal places of the collateral token; 0 for points."""
        treasury = self.observed.run.treasury
        return treasury.mint.decimals if treasury else 0

    def event(self, kind: type[Event], /, **fields: Any) -> Event:
        """An event at the second observation."""
        seen = self.observed
        common: dict[str, Any] = {
            "run_id": seen.run.run_id,
            "slot": seen.clock.slot,
            "time": seen.now,
            "nonce": seen.state.nonce,
        }
        return kind(**common, **fields)


def in_epoch(state: CoordinatorState) -> bool:
    """Whether an epoch is in progress."""
    return state.run_state == RunState.WARMUP or state.run_state.is_active
