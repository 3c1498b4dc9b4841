"""The results of a simulation as a JSON payload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from psyche_cli.model.simulation.engine import Simulation
from psyche_cli.model.simulation.history import EpochRecord
from psyche_cli.model.simulation.recorder import earned_points
from psyche_cli.model.simulation.world import World
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.rewards.collateral import in_both_units
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.simulation.arguments import Arguments
from psyche_cli.operations.simulation.payloads import (
    SimulatedEpoch,
    SimulatedMember,
    SimulatedRewards,
    SimulatedState,
    SimulationData,
)
from psyche_cli.protocol.accounts.coordinator_parts import Identity


class Funding(NamedTuple):
    """The reward of an epoch in base units, and what the vault holds and owes; None without a treasurer."""

    rate: int
    decimals: int
    held: int | None = None
    owed: int | None = None
    is_points: bool = False


class Setting(NamedTuple):
    """What was simulated: a file, a run, or both, and how. ``clients`` is the number of members at the start."""

    path: str | None
    run_id: str | None
    arguments: Arguments
    funding: Funding
    clients: int = 0

    @property
    def name(self) -> str:
        """The run, or the file."""
        return self.path or "" if self.run_id is None else self.run_id

    def amount(self, base_units: int) -> CollateralAmount:
        """An amount of the run's token."""
        return in_both_units(base_units, self.funding.decimals)


class Report:
    """A simulation, the state before it, its world and what was simulated. ``rows`` limits each list of the payload."""

    def __init__(
        self, simulation: Simulation, before: CoordinatorState, world: World, setting: Setting, rows: int
    ) -> None:
        self.simulation = simulation
        self.setting = setting
        self._before = before
        self._world = world
        self._rows = rows

    def data(self, reason: str, svg: Path | None) -> SimulationData:
        """The payload."""
        found, setting, state = self.simulation, self.setting, self.simulation.state
        chosen = setting.arguments.warmup_seconds
        return SimulationData(
            path=setting.path,
            run_id=setting.run_id,
            rules=setting.arguments.rules,
            starts_at=None if setting.run_id is None else found.started_at,
            clients=setting.clients,
            train_seconds=self._world.train_seconds,
            warmup_seconds=state.config["warmup_time"] if chosen is None else chosen,
            end=found.end.value,
            reason=reason,
            state=state.run_state.variant,
            seconds=found.now - found.started_at,
            step=state.step,
            steps=max(state.step - found.history[0].step, 0),
            tokens=state.progress["epoch_start_data_index"] * state.max_seq_len,
            rewards=self._rewards(),
            members=tuple(self._members()),
            epochs=len(found.epochs),
            shown_epochs=tuple(self._epoch(found.epochs[at]) for at in self._shown_epochs()),
            states=len(found.history),
            shown_states=tuple(self._state(at) for at in self._shown(len(found.history))),
            svg=None if svg is None else str(svg),
        )

    def _shown(self, count: int) -> Iterator[int]:
        """The indexes of the first and of the last elements of a list."""
        first = (self._rows + 1) // 2
        yield from range(min(first, count))
        yield from range(max(count - self._rows // 2, first), count)

    def _shown_epochs(self) -> list[int]:
        """The indexes of the first and the last epochs, and of those in between in which members came or stopped."""
        epochs = self.simulation.epochs
        third = max(self._rows // 3, 1)
        middle = range(third, len(epochs) - third)
        chosen = [
            at
            for at in middle
            if epochs[at].clients != epochs[at].clients_left or epochs[at].clients != epochs[at - 1].clients_left
        ][: max(self._rows - 2 * third, 0)]
        ends = self._rows - len(chosen)
        around = [*range(min((ends + 1) // 2, len(epochs))), *range(max(len(epochs) - ends // 2, 0), len(epochs))]
        return sorted({*chosen, *around})

    def _after(self, time: int) -> int:
        return time - self.simulation.started_at

    def _epoch(self, one: EpochRecord) -> SimulatedEpoch:
        return SimulatedEpoch(
            epoch=one.epoch,
            waiting_after=None if one.waiting_at is None else self._after(one.waiting_at),
            warmup_after=self._after(one.warmup_at),
            training_after=None if one.training_at is None else self._after(one.training_at),
            cooldown_after=self._after(one.cooldown_at),
            ended_after=self._after(one.ended_at),
            first_step=one.first_step,
            rounds=one.rounds,
            clients=one.clients,
            clients_left=one.clients_left,
            tokens=(one.data_index_end - one.data_index) * self.simulation.state.max_seq_len,
            paid=self.setting.amount(one.paid),
            end=None if one.end is None else one.end.value,
        )

    def _state(self, at: int) -> SimulatedState:
        found = self.simulation
        visit = found.history[at]
        until = found.history[at + 1].start if at + 1 < len(found.history) else found.now
        return SimulatedState(
            state=visit.state.variant,
            after=self._after(visit.start),
            seconds=until - visit.start,
            epoch=visit.epoch,
            step=visit.step,
            clients=visit.clients,
        )

    def _rewards(self) -> SimulatedRewards:
        funding, amount = self.setting.funding, self.setting.amount
        paid = earned_points(self.simulation.state) - earned_points(self._before)
        available = (funding.held or 0) - (funding.owed or 0)
        left, unfunded = available, None
        if funding.held is not None:
            for epoch in self.simulation.epochs:
                left -= epoch.paid
                if left < 0 and epoch.paid > 0:
                    unfunded = epoch.epoch
                    break
        return SimulatedRewards(
            per_epoch=amount(funding.rate),
            paid=amount(paid),
            vault_amount=None if funding.held is None else amount(funding.held),
            already_owed=None if funding.owed is None else amount(funding.owed),
            missing=amount(max(paid - available, 0)),
            first_unfunded_epoch=unfunded,
        )

    def _members(self) -> Iterator[SimulatedMember]:
        earlier = {client.id.signer: client.earned for client in self._before.clients}
        clients = {client.id.signer: client for client in self.simulation.state.clients}
        for wallet in dict.fromkeys([*clients, *self._world.members]):
            client = clients.get(wallet)
            earned = 0 if client is None else client.earned
            yield SimulatedMember(
                wallet=str(Identity(wallet).wallet) if wallet in earlier else None,
                present=self._world.is_present(wallet),
                joined=client is not None,
                earned=self.setting.amount(earned - earlier.get(wallet, 0)),
                earned_in_all=self.setting.amount(earned),
            )
