"""Predictions compared with the local validator: the same members, played by real transactions, give the same run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

import pytest

from psyche_cli.model.outcomes import Refusal
from psyche_cli.model.simulation.behavior import Start
from psyche_cli.model.simulation.engine import End, Simulation, simulate
from psyche_cli.model.simulation.history import Visit
from psyche_cli.model.simulation.world import World
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.cli.conftest import House
from tests.model.simulated import Scenario, random_scenario
from tests.model.stages import CONFIG
from tests.support.counts import Loads
from tests.support.run_driver import Failed, RunDriver

SLOT_MILLISECONDS = 500
"""A warp of one second advances the slot by two."""


@dataclass
class Played:
    """A run on the validator, played second by second with the members of a scenario; written apart from the model."""

    driver: RunDriver
    scenario: Scenario
    coming: Iterator[int]
    present: list[int] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)
    round_began: int = 0

    def until(self, end: int) -> None:
        """Start the run now, and play to the second ``end``."""
        changes = sorted(self.scenario.changes, key=lambda change: change.step)
        self.present = list(islice(self.coming, self.scenario.clients))
        self.do(self.driver.resume)
        while True:
            if not self.driver.stage.is_halted:
                self.do(self.driver.tick)
            while changes and changes[0].step <= self.driver.account.step:
                change = changes.pop(0)
                self.present += islice(self.coming, change.joining)
                self.present = self.present[: len(self.present) - change.dropping]
                if change.pausing:
                    self.do(self.driver.pause)
            stage = None
            while stage != self.driver.stage:
                stage = self.driver.stage
                self.react(stage)
            if self.driver.now == end:
                return
            self.driver.wait(1)

    def do(self, step: Callable[[], object]) -> None:
        """Send one transaction, and note the change of the state and the rewards; it may fail."""
        before = self.driver.account
        with suppress(Failed):
            step()
        after = self.driver.account
        if after.run_state != before.run_state:
            clients = len(after.epoch_clients)
            self.visits.append(Visit(after.run_state, self.driver.now, after.epoch, after.step, clients))
        if after.epoch != before.epoch:
            earned = [sum(client.earned for client in account.clients) for account in (before, after)]
            self.paid.append(earned[1] - earned[0])

    def react(self, stage: RunState) -> None:
        """What the members do in a state, in their order, while it lasts."""
        account, driver = self.driver.account, self.driver
        elapsed = driver.now - account.run_state_start_timestamp
        numbers = {bytes(wallet.address): number for number, wallet in enumerate(driver.members)}
        clients = [numbers[client.id.signer] for client in account.epoch_clients]
        reported = {clients[record.index] for record in account.rounds[account.rounds_head].witnesses}
        actions: list[Callable[[], object]] = []
        if stage == RunState.WAITING_FOR_MEMBERS:
            joined = {numbers[one.id.signer] for one in account.clients if one.active == account.next_active}
            actions = [lambda member=member: driver.join(member) for member in self.present if member not in joined]  # type: ignore[misc]
        elif stage == RunState.WARMUP and self.scenario.behavior.warmup_seconds is not None:
            due = [] if elapsed < self.scenario.behavior.warmup_seconds else clients
            waiting = [member for member in due if member in self.present and member not in reported]
            actions = [lambda member=member: driver.report_warmup(member) for member in waiting]  # type: ignore[misc]
        elif stage == RunState.ROUND_TRAIN:
            joined_first = [number for one in account.clients if (number := numbers[one.id.signer]) in self.present]
            for client, member in zip(account.epoch_clients, clients, strict=True):
                is_absent = client.state == ClientState.HEALTHY and member not in self.present
                if is_absent and joined_first and driver.state.current_round.height >= 2:
                    self.do(lambda member=member: driver.report_absent(joined_first[0], member))  # type: ignore[misc]
        for action in actions:
            self.do(action)
            if driver.stage != stage:
                return
        if stage == RunState.ROUND_TRAIN:
            self.round_began = account.run_state_start_timestamp
        seconds = self.scenario.behavior.train_seconds
        trained = driver.now >= self.round_began + (
            account.config["max_round_train_time"] if seconds is None else seconds
        )
        if trained and stage in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
            seen = [member for member in clients if member in self.present]
            with suppress(Refusal):  # no one can be a witness
                for member in driver.witnesses():
                    if member in self.present and member not in reported:
                        self.do(lambda member=member: driver.witness(member, seen=seen))  # type: ignore[misc]


def predicted(driver: RunDriver, scenario: Scenario, identities: list[Identity]) -> Simulation:
    """The simulation of the run that the driver has configured, from the present clock."""
    clock = driver.clock
    start = Start(clock.unix_timestamp, clock.slot, SLOT_MILLISECONDS)
    world = World(
        driver.state,
        start,
        (),
        behavior=scenario.behavior,
        changes=scenario.changes,
        newcomer=lambda number: identities[number],
    )
    world.come(scenario.clients)
    return simulate(world, epochs=scenario.epochs)


@pytest.mark.parametrize("part", range(4))
def test_the_validator_does_what_was_predicted(part: int, still_house: House, loads: Loads) -> None:
    ends = Counter[End]()
    for seed in range(part, loads.of(usual=12, ci=80, full=200), 4):
        scenario = random_scenario(seed, totals=(1, 2, 5, 9, 14), most_clients=12, older=False)
        driver = still_house.driver(f"run-{seed}", in_step=True).create({**CONFIG, **scenario.config})
        driver.set_rates(scenario.earning_rate)
        count = scenario.clients + sum(change.joining for change in scenario.changes)
        members = driver.add_members(count)
        identities = [Identity(bytes(driver.members[one].address), bytes([one % 256]) * 32) for one in members]
        foreseen = predicted(driver, scenario, identities)
        ends[foreseen.end] += 1
        played = Played(driver, scenario, iter(members))
        if foreseen.state.run_state == RunState.UNINITIALIZED:
            with pytest.raises(Failed):
                driver.resume()
            continue
        played.until(foreseen.now)
        message = f"seed {seed}: {scenario}"
        assert driver.state == foreseen.state, message
        assert played.visits == list(foreseen.history), message
        assert played.paid == [epoch.paid for epoch in foreseen.epochs], message
    assert ends[End.FINISHED] > 0
