"""Random configurations and plans for simulations."""

from __future__ import annotations

import random
from dataclasses import dataclass

from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.simulation.engine import Simulation, new_run, simulate
from psyche_cli.model.simulation.world import World
from tests.model.recording import model_of
from tests.model.stages import CONFIG

SLOWEST = Behavior()
START = Start(10_000, 50)


@dataclass(frozen=True)
class Scenario:
    """A configuration, the number of members, what they do, and what changes."""

    config: dict[str, int]
    clients: int
    behavior: Behavior = SLOWEST
    changes: tuple[Change, ...] = ()
    earning_rate: int = 1000
    rounds_per_epoch: int | None = None
    epochs: int | None = None

    def world(self, start: Start = START) -> World:
        """The run before it is started."""
        state = new_run(
            {**CONFIG, **self.config},
            model_of(),
            earning_rate=self.earning_rate,
            rounds_per_epoch=self.rounds_per_epoch,
        )
        world = World(state, start, (), behavior=self.behavior, changes=self.changes)
        world.come(self.clients)
        return world

    def simulated(self, *, every_second: bool = False) -> Simulation:
        """The simulation of this scenario."""
        return simulate(self.world(), epochs=self.epochs, every_second=every_second)


def random_scenario(
    seed: int, *, totals: tuple[int, ...] = (1, 2, 5, 30, 200), most_clients: int = 40, older: bool = True
) -> Scenario:
    """A scenario in which everything that matters varies, including edge cases. ``total_steps`` is in ``totals``."""
    pick = random.Random(seed)
    clients = pick.choice([1, 2, 3, 5, 8, pick.randrange(1, most_clients)])
    least = pick.randrange(1, max(2, clients // 2 + 1))
    steps = pick.choice(totals)
    config = {
        "warmup_time": pick.choice([0, 1, 3, 10]),
        "cooldown_time": pick.randrange(1, 9),
        "max_round_train_time": pick.randrange(1, 20),
        "round_witness_time": pick.randrange(1, 6),
        "epoch_time": pick.choice([25, 60, 150, 400, 2000]),
        "total_steps": steps,
        "min_clients": least,
        "init_min_clients": pick.randrange(least, clients + 1 + (pick.random() < 0.1)),
        "witness_nodes": pick.choice([0, 0, pick.randrange(0, min(least, 32) + 1)]),
        "global_batch_size_start": pick.randrange(1, 5),
        "global_batch_size_end": pick.choice([clients, 100, 300]) + 4,
        "global_batch_size_warmup_tokens": pick.choice([0, 50_000, 10**6]),
        "verification_percent": pick.choice([0, 0, 0, 10, 100, 101]),
        "waiting_for_members_extra_time": pick.randrange(1, 7),
    }
    changes, left = [], clients
    for _ in range(pick.choice([0, 0, 1, 2, 3])):
        step = pick.randrange(1, steps + 3)
        if pick.random() < 0.5:
            changes.append(Change(step, joining=pick.randrange(1, 4)))
        elif left > 0:
            dropping = pick.randrange(1, left + 1)
            left -= dropping
            changes.append(Change(step, dropping=dropping))
    if pick.random() < 0.1:
        changes.append(Change(pick.randrange(1, steps + 1), pausing=True))
    rounds = pick.choice([None, None, pick.randrange(1, 60)]) if older else None
    train_seconds = pick.choice([None, 1, pick.randrange(1, 25)])
    if train_seconds is not None and seed % 4:  # the others may report late, or never
        train_seconds = min(train_seconds, config["max_round_train_time"])
    behavior = Behavior(
        train_seconds=train_seconds,
        warmup_seconds=pick.choice([None, 0, 1, 5, 20]),
        checkpoint_seconds=None if rounds is None else pick.choice([None, 0, 2, 30]),
    )
    return Scenario(
        config=config,
        clients=clients,
        behavior=behavior,
        changes=tuple(changes),
        earning_rate=pick.choice([0, 1000, 2**63]),
        rounds_per_epoch=rounds,
        epochs=pick.choice([None, None, 1, 3, 10]),
    )
