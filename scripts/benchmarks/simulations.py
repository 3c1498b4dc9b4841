"""Simulation of runs with a million rounds, each of 13 ticks."""

from __future__ import annotations

from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.simulation.engine import End, new_run, simulate
from psyche_cli.model.simulation.world import World
from psyche_cli.run_config.examples import find_example
from psyche_cli.run_config.load import load_run_config
from scripts.benchmarks.table import Table, milliseconds

_ROUNDS = 1_000_000


def measure(table: Table) -> None:
    """Simulate runs of a million rounds, and of fewer with every second executed."""
    table.section("simulations: 1,000,000 rounds, 13,000,000 ticks, 6,400 epochs")
    for label, clients, changes in (
        ("4 members", 4, ()),
        ("256 members", 256, ()),
        ("8 members, of whom one stops and one comes", 8, (Change(1000, dropping=1), Change(500_000, joining=1))),
    ):
        table.time(label, milliseconds(lambda n=clients, c=changes: _simulate(n, c, _ROUNDS), 3), "target: under 5 s")  # type: ignore[misc]
    table.section("simulations: 1,000 rounds, 13,000 ticks")
    table.time("4 members", milliseconds(lambda: _simulate(4, (), 1000), 3))
    table.time("4 members, every second executed", milliseconds(lambda: _simulate(4, (), 1000, every_second=True), 3))


def _simulate(clients: int, changes: tuple[Change, ...], rounds: int, *, every_second: bool = False) -> None:
    file = load_run_config(find_example("minimal").path)
    times = {"epoch_time": 2000, "max_round_train_time": 10, "round_witness_time": 3}
    sizes = {"total_steps": rounds + 1, "global_batch_size_end": 4096}
    state = new_run({**file.config, **times, **sizes}, file.model, earning_rate=1000)
    world = World(state, Start(0, 0), (), behavior=Behavior(), changes=changes)
    world.come(clients)
    found = simulate(world, every_second=every_second)
    assert found.end is End.FINISHED
    assert sum(epoch.rounds for epoch in found.epochs) == rounds
