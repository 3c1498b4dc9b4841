"""The workers of a rehearsal, as the owner of the worker daemon directs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psyche_cli.errors import RehearsalError
from psyche_cli.rehearsal.scheduler import TurnReport
from psyche_cli.rehearsal.settings import Settings, name_of, number_of
from psyche_cli.workers.service.contract import TurnKind
from psyche_cli.workers.telemetry.events import Kind

if TYPE_CHECKING:
    from psyche_cli.environment import Clock
    from psyche_cli.workers.client import DaemonClient
    from psyche_cli.workers.director import Director
    from psyche_cli.workers.service import worker_pb2

KEY: Final = "rehearsal"
"""The key of the settings in the configuration of a worker, beside those that the daemon adds."""
MODULE: Final = "psyche_cli.rehearsal.worker"
_ENDED: Final = frozenset(("TERMINATED", "FAULTED", "CANCELLED"))


class RoundTelemetry(NamedTuple):
    """The telemetry of a worker about a round: numbers and texts by name. ``step`` is the step that it trained."""

    member: int
    step: int
    values: Mapping[str, float]
    texts: Mapping[str, str]


class RunWorkers:
    """The workers of one run of the daemon. ``run_id`` is that of the daemon, not the one on the cluster."""

    def __init__(self, client: DaemonClient, director: Director, run_id: str, members: int, clock: Clock) -> None:
        self.run_id = run_id
        self.by_member: dict[int, worker_pb2.Worker] = {}
        """What the daemon has last reported about each worker, by the member's number."""
        self.doing: dict[int, str] = {}
        """What each worker has last reported that it does."""
        self.losses: list[float] = []
        """The mean loss of each round that was trained."""
        self.published = 0
        """How often a worker has reported that it has published something."""
        self.lied: dict[tuple[int, int], str] = {}
        """The kind of each lie that a worker has published, by its member and the step."""
        self._client = client
        self._director = director
        self._members = members
        self._clock = clock
        self._turn = 0
        self._awaited: dict[int, int] = {}
        self._reports: dict[int, TurnReport] = {}
        self._late: dict[int, TurnReport] = {}
        director.follow(run_id)

    def await_workers(self, seconds: float) -> None:
        """Wait until all workers can be directed. Raises RehearsalError if one ends, or is not ready in time."""
        until = self._clock.monotonic() + seconds
        while not all(one in self.by_member and self.by_member[one].connected for one in range(1, self._members + 1)):
            self._take_news(max(until - self._clock.monotonic(), 0.0))
            for number in sorted(self.gone()):
                worker = self.by_member[number]
                last = f" Its last line: {worker.error_lines[-1]}" if worker.error_lines else ""
                raise RehearsalError(
                    f"The worker of member {number} ended before the rehearsal began. {worker.reason}{last}",
                    hint=f"Its logs: psyche-cli workers logs {self.run_id} --worker {name_of(number)}",
                )
            if self._clock.monotonic() >= until:
                missing = [one for one in range(1, self._members + 1) if not self._is_connected(one)]
                raise RehearsalError(
                    f"{len(missing)} of {self._members} workers were not ready within {seconds:.0f} seconds.",
                    hint=f"Their states: psyche-cli workers show {self.run_id}",
                )

    def turn(self, members: Sequence[int], kind: TurnKind, patience: Mapping[int, float]) -> Mapping[int, TurnReport]:
        """See ``scheduler.Backend``."""
        self._turn += 1
        self._reports = {}
        self._awaited = dict.fromkeys(members, self._turn)
        for number in members:
            self._director.grant_turn(self.run_id, name_of(number), self._turn, kind)
        started = self._clock.monotonic()
        while True:
            waiting = [one for one in members if one not in self._reports and one not in self.gone()]
            left = max((patience[one] for one in waiting), default=0.0) - (self._clock.monotonic() - started)
            if not waiting or left <= 0:
                break
            self._take_news(left)
        self._awaited = {}
        losses = [report.loss for report in self._reports.values() if report.loss is not None]
        self.losses += [sum(losses) / len(losses)] if losses else []
        return self._reports

    def gone(self) -> Collection[int]:
        """The members whose workers have ended."""
        return {number for number, worker in self.by_member.items() if worker.state in _ENDED}

    def late_reports(self) -> Mapping[int, TurnReport]:
        """See ``scheduler.Backend``."""
        while self._take_news(0.0):
            pass
        late, self._late = self._late, {}
        return late

    def listen(self, seconds: float) -> list[TurnReport]:
        """The reports that come within ``seconds`` from workers that act without turns."""
        found: list[TurnReport] = []
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._take_news(left)
            found += self._late.values()
            self._late = {}
        return found

    def telemetry(self) -> list[RoundTelemetry]:
        """All telemetry of the workers so far, in the order in which the daemon received it."""
        return [
            RoundTelemetry(number_of(step.worker), found.number, found.values, found.texts)
            for delivery in self._client.steps(self.run_id)
            for step, found in ((step, step.read()) for step in delivery.events)
        ]

    def evaluations(self) -> dict[int, float]:
        """The loss on the held-out text after each epoch, as most members have found it."""
        found: dict[int, list[float]] = {}
        for delivery in self._client.episodes(self.run_id):
            for kind, number, values, _ in (event.read() for event in delivery.events):
                if kind is Kind.EPISODE and "eval_loss" in values:
                    found.setdefault(number, []).append(round(values["eval_loss"], 6))
        return {epoch: max(sorted(set(losses)), key=losses.count) for epoch, losses in sorted(found.items())}

    def await_end(self, seconds: float) -> worker_pb2.Run | None:
        """Wait until all workers have ended; None if they have not in time."""
        until = self._clock.monotonic() + seconds
        while len(self.gone()) < self._members and self._clock.monotonic() < until:
            self._take_news(max(until - self._clock.monotonic(), 0.0))
        [run] = self._client.list_runs(self.run_id)
        return run if run.finished_at > 0 else None

    def _is_connected(self, number: int) -> bool:
        return number in self.by_member and self.by_member[number].connected

    def _take_news(self, seconds: float) -> bool:
        """Take the next news from the daemon, waiting at most ``seconds``. Returns whether there was any."""
        news = self._director.news(seconds)
        if news is None:
            return False
        number = number_of(news.worker_id)
        what = news.WhichOneof("news")
        if what == "worker":
            self.by_member[number] = news.worker
        elif what == "report":
            found = news.report
            loss = float(found.details["loss"]) if "loss" in found.details else None
            report = TurnReport(found.wake_at, found.has_work, found.doing, "published" in found.details, loss)
            self.doing[number] = report.doing
            self.published += report.published
            if "lied" in found.details:
                step, _, kind = found.details["lied"].partition(" ")
                self.lied[number, int(step)] = kind
            (self._reports if self._awaited.get(number) == found.turn else self._late)[number] = report
        return True


def configuration(name: str, settings: Iterable[Settings], engine: str = "local") -> dict[str, Any]:
    """The configuration with which the workers are submitted to the daemon, to run on an engine of this name."""
    return {
        "metadata": {
            "run_name": name,
            "worker": {"module": MODULE},
            "workers": [{"worker_id": one.name, "config": {KEY: one.as_json()}} for one in settings],
        },
        "payload": {"engine": engine},
    }
