"""Recording of the course of a simulated run from the effects of its instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from psyche_cli.model.committee import quorum
from psyche_cli.model.instructions import Instruction
from psyche_cli.model.older import is_last_round
from psyche_cli.model.outcomes import Outcome
from psyche_cli.model.simulation.history import EpochEnd, EpochRecord, History, Visit
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.model.transitions import steps_left
from psyche_cli.protocol.run_states import RunState


class _OpenEpoch(NamedTuple):
    """What is known about the epoch in progress."""

    waiting_at: int | None = None
    warmup_at: int = 0
    training_at: int | None = None
    cooldown_at: int = 0
    clients: int = 0
    clients_left: int = 0
    end: EpochEnd | None = None


class Observed(Protocol):
    """A run at a time, which calls ``observe`` after every instruction, as ``World`` does."""

    state: CoordinatorState
    now: int
    observe: Callable[[CoordinatorState, Instruction, bytes, Outcome], None]


class Recorder:
    """The visits and the epochs of a run, from the time of its creation."""

    def __init__(self, world: Observed) -> None:
        self.history = History()
        self.epochs: list[EpochRecord] = []
        self._world = world
        state = world.state
        self.history.append(_visit(state, state.run_state_start_timestamp))
        in_cooldown = state.run_state == RunState.COOLDOWN
        self.open = _OpenEpoch(
            waiting_at=state.run_state_start_timestamp if state.run_state == RunState.WAITING_FOR_MEMBERS else None,
            warmup_at=state.epoch.start_timestamp,
            cooldown_at=state.run_state_start_timestamp if in_cooldown else 0,
            clients=len(state.epoch.clients) + len(state.epoch.exited_clients),
            clients_left=len(state.epoch.clients) if in_cooldown else 0,
        )
        world.observe = self._observe

    def _observe(self, before: CoordinatorState, _: Instruction, __: bytes, outcome: Outcome) -> None:
        state, now = outcome.state, self._world.now
        if state.run_state == before.run_state:
            return
        self.history.append(_visit(state, now))
        match state.run_state:
            case RunState.WARMUP:
                self.open = self.open._replace(warmup_at=now, clients=len(state.epoch.clients))
            case RunState.ROUND_TRAIN if before.run_state == RunState.WARMUP:
                self.open = self.open._replace(training_at=now)
            case RunState.COOLDOWN:
                left = len(state.epoch.clients)
                self.open = self.open._replace(cooldown_at=now, clients_left=left, end=reason_of_end(before, state))
        if state.progress["epoch"] != before.progress["epoch"]:
            self.epochs.append(_record(self.open, before, state, now))
        if state.run_state == RunState.WAITING_FOR_MEMBERS:
            self.open = _OpenEpoch(waiting_at=now)


def _visit(state: CoordinatorState, now: int) -> Visit:
    return Visit(state.run_state, now, state.progress["epoch"], state.step, len(state.epoch.clients))


def _record(found: _OpenEpoch, before: CoordinatorState, after: CoordinatorState, now: int) -> EpochRecord:
    return EpochRecord(
        epoch=before.progress["epoch"],
        waiting_at=found.waiting_at,
        training_at=found.training_at,
        warmup_at=found.warmup_at,
        cooldown_at=found.cooldown_at,
        ended_at=now,
        first_step=before.epoch.start_step,
        rounds=before.step - before.epoch.start_step,
        data_index=before.progress["epoch_start_data_index"],
        data_index_end=after.progress["epoch_start_data_index"],
        clients=found.clients,
        clients_left=found.clients_left,
        paid=earned_points(after) - earned_points(before),
        end=found.end,
    )


def earned_points(state: CoordinatorState) -> int:
    """The points that all members together have earned."""
    return sum(client.earned for client in state.clients)


def reason_of_end(before: CoordinatorState, after: CoordinatorState) -> EpochEnd:
    """Why a round was the last one of its epoch: the first condition that the program checks."""
    witnesses = len(before.current_round.witnesses)
    is_older = isinstance(before, OlderState)
    is_last = is_last_round(before) if isinstance(before, OlderState) else after.epoch.last_step == after.step
    if witnesses == 0 and not is_older:
        return EpochEnd.NO_WITNESSES
    if is_last:
        return EpochEnd.LAST_ROUND
    if len(after.epoch.clients) < after.config["min_clients"]:
        return EpochEnd.TOO_FEW_CLIENTS
    if witnesses == 0 or witnesses < quorum(witnesses, after.config):
        return EpochEnd.BELOW_QUORUM
    return EpochEnd.PAUSE_PENDING if steps_left(after) else EpochEnd.NO_STEPS_LEFT
