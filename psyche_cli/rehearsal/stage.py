"""The stage of a rehearsal on a local validator, with workers of the daemon."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from psyche_cli.rehearsal.cluster import Cluster
from psyche_cli.rehearsal.conductor import TurnReport
from psyche_cli.rehearsal.crew import Crew
from psyche_cli.rehearsal.faults import FaultsSeen
from psyche_cli.workers.service.contract import TurnKind


class WorkerStage:
    """See ``conductor.Stage``. The rehearsal is over once ``until_epoch`` epochs are completed, or the run has ended.

    ``pause`` is called once, as soon as the run is at ``pause_at``.
    """

    def __init__(
        self,
        cluster: Cluster,
        crew: Crew,
        faults: FaultsSeen,
        *,
        until_epoch: int | None,
        pause_at: int | None,
        pause: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._crew = crew
        self._faults = faults
        self._until_epoch = until_epoch
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
        return self._cluster.version, self._crew.published

    def is_over(self) -> bool:
        """Whether the run has got as far as it is to be rehearsed."""
        epoch: int = self._cluster.record.state.progress["epoch"]
        return self._cluster.has_ended or (self._until_epoch is not None and epoch >= self._until_epoch)

    def gone(self) -> Collection[int]:
        """The members whose workers have ended."""
        return self._crew.gone()

    def turn(self, members: Sequence[int], kind: TurnKind, patience: Mapping[int, float]) -> Mapping[int, TurnReport]:
        """Give a turn."""
        return self._crew.turn(members, kind, patience)

    def late_reports(self) -> Mapping[int, TurnReport]:
        """Reports that came late."""
        return self._crew.late_reports()

    def hangs_until(self, member: int, now: int) -> int | None:
        """When a planned hang of a member ends, None if never. Raises LookupError if none is planned."""
        fault = self._faults.active("hang", now, member)
        if fault is None:
            raise LookupError(member)
        return self._faults.until(fault)
