"""Following a rehearsal whose workers look at the run and act by themselves, on a cluster whose clock runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from psyche_cli.environment import Clock
from psyche_cli.model.due import DURATION_KEYS
from psyche_cli.rehearsal.backend import Goal
from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.run_workers import RunWorkers
from psyche_cli.rehearsal.scheduler import End

_QUIET_SECONDS: Final = 30


def follow(
    cluster: Cluster,
    workers: RunWorkers,
    faults: FaultsSeen,
    goal: Goal,
    clock: Clock,
    observe: Callable[[], None],
    *,
    seconds: float,
) -> End:
    """Follow the run to its goal, or until nothing changes for longer than its state lasts.

    It looks at the run every ``seconds``; a state that is shorter is not recorded. ``observe`` is called after every
    look. Raises the errors of ``Cluster.read``.
    """
    losses: list[float] = []
    step = cluster.record.state.step
    moved_at = clock.monotonic()
    quiet_since = now = cluster.now
    while not goal.is_reached(cluster):
        if len(workers.gone()) == len(workers.by_member):
            return "no-workers"
        losses += [report.loss for report in workers.listen(seconds) if report.loss is not None]
        if cluster.read():
            quiet_since = cluster.now
        if cluster.now != now:
            now, moved_at = cluster.now, clock.monotonic()
        state = cluster.record.state
        if state.step != step:
            workers.losses += [sum(losses) / len(losses)] if losses else []
            losses, step = [], state.step
        faults.look(state.step, cluster.now)
        observe()
        patience = _QUIET_SECONDS + state.config.get(DURATION_KEYS.get(state.run_state, ""), 0)
        if cluster.now - quiet_since > patience or clock.monotonic() - moved_at > _QUIET_SECONDS:
            return "stuck"
    return "reached"
