"""Following a rehearsal whose workers look at the run and act by themselves, on a cluster whose clock runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from psyche_cli.environment import Clock
from psyche_cli.rehearsal.backend import Goal
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.run_workers import RunWorkers
from psyche_cli.rehearsal.scheduler import End

_LOOK_SECONDS: Final = 0.1
"""Seconds between two looks at the run. A state that is shorter is not recorded."""
_QUIET_SECONDS: Final = 30
_LASTING: Final = (
    "warmup_time",
    "cooldown_time",
    "max_round_train_time",
    "round_witness_time",
    "waiting_for_members_extra_time",
)


def follow(
    cluster: Cluster, workers: RunWorkers, faults: FaultsSeen, goal: Goal, clock: Clock, observe: Callable[[], None]
) -> End:
    """Follow the run to its goal, or until nothing changes for longer than any of its states lasts.

    ``observe`` is called after every look. Raises the errors of ``Cluster.read``.
    """
    losses: list[float] = []
    changed_at, step = clock.monotonic(), cluster.record.state.step
    patience = _QUIET_SECONDS + max(cluster.record.state.config[key] for key in _LASTING)
    while not goal.is_reached(cluster):
        if len(workers.gone()) == len(workers.by_member):
            return "no-workers"
        losses += [report.loss for report in workers.listen(_LOOK_SECONDS) if report.loss is not None]
        if cluster.read():
            changed_at = clock.monotonic()
        state = cluster.record.state
        if state.step != step:
            workers.losses += [sum(losses) / len(losses)] if losses else []
            losses, step = [], state.step
        faults.look(state.step, cluster.now)
        observe()
        if clock.monotonic() - changed_at > patience:
            return "stuck"
    return "reached"
