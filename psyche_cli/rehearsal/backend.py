"""The backend of a rehearsal on a local validator, with workers of the daemon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.rehearsal.run_workers import RunWorkers
from psyche_cli.rehearsal.scheduler import TurnReport
from psyche_cli.workers.service.contract import TurnKind


class Goal(NamedTuple):
    """Until when a run is rehearsed: an epoch or a step is reached, or else the run ends."""

    epoch: int | None = None
    step: int | None = None

    def is_reached(self, cluster: Cluster) -> bool:
        """Whether the run has got as far, or has ended."""
        state = cluster.record.state
        return (
            cluster.has_ended
            or (self.epoch is not None and state.progress["epoch"] >= self.epoch)
            or (self.step is not None and state.step >= self.step)
        )


class WorkersBackend:
    """See ``scheduler.Backend``. The rehearsal is over as ``goal`` says.

    ``pause`` is called once, as soon as the run is at ``pause_at``; without ``pause_at``, never.
    """

    def __init__(
        self,
        cluster: Cluster,
        workers: RunWorkers,
        faults: FaultsSeen,
        *,
        goal: Goal,
        pause_at: int | None = None,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster = cluster
        self._workers = workers
        self._faults = faults
        self._goal = goal
        self._pause_at = pause_at
        self._pause = pause

    def now(self) -> int:
        """The time of the cluster."""
        return self._cluster.now

    def warp_to(self, time: int) -> None:
        """Move the clock."""
        self._cluster.warp_to(time)

    def version(self) -> object:
        """What differs after a change of the run, or of what its members have published."""
        if self._cluster.read() and self._pause_at is not None and self._cluster.record.state.step >= self._pause_at:
            self._pause_at = None
            self._pause()
            self._cluster.read()
        self._faults.look(self._cluster.record.state.step, self._cluster.now)
        return self._cluster.version, self._workers.published

    def is_over(self) -> bool:
        """Whether the run has got as far as it is to be rehearsed."""
        return self._goal.is_reached(self._cluster)

    def gone(self) -> Collection[int]:
        """The members whose workers have ended."""
        return self._workers.gone()

    def turn(self, members: Sequence[int], kind: TurnKind, patience: Mapping[int, float]) -> Mapping[int, TurnReport]:
        """Give a turn."""
        return self._workers.turn(members, kind, patience)

    def late_reports(self) -> Mapping[int, TurnReport]:
        """Reports that came late."""
        return self._workers.late_reports()

    def hangs_until(self, member: int, now: int) -> int | None:
        """When a planned hang of a member ends, None if never. Raises LookupError if none is planned."""
        fault = self._faults.active("hang", now, member)
        if fault is None:
            raise LookupError(member)
        return self._faults.until(fault)
