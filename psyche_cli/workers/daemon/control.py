"""The hub between the control streams of owners and those of workers. Used in the event loop only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from psyche_cli.workers.registry.checking import ENDS
from psyche_cli.workers.service import worker_pb2
from psyche_cli.workers.service.contract import FIRST_CONTROL_CREDITS

MOST_WAITING: Final = 256
"""The maximum number of control events that wait for a worker."""
MOST_NEWS: Final = 8192
"""The maximum number of messages that wait for an owner. One that does not read is disconnected."""

Key = tuple[str, str]


class TooSlow(Exception):
    """An owner does not read its news."""


class WorkerLine:
    """The events that wait for a worker. They are sent as far as its control stream has credits."""

    def __init__(self) -> None:
        self.waiting: deque[worker_pb2.ControlEvent] = deque()
        self.unreported: worker_pb2.ControlEvent | None = None
        """The last turn that was sent and not reported. It is sent again on a new stream."""
        self.stream: object = None
        self.credits = 0
        self.changed = asyncio.Event()

    def open(self) -> object:
        """Begin a new stream, which ends the previous one. Returns its identity."""
        self.stream, self.credits = object(), FIRST_CONTROL_CREDITS
        if self.unreported is not None:
            self.waiting.appendleft(self.unreported)
            self.unreported = None
        self.changed.set()
        return self.stream

    async def take(self, stream: object) -> worker_pb2.ControlEvent | None:
        """The next event for a stream; None once it is no longer the worker's stream."""
        while self.stream is stream:
            if self.waiting and self.credits > 0:
                self.credits -= 1
                event = self.waiting.popleft()
                if event.WhichOneof("event") == "turn":
                    self.unreported = event
                return event
            self.changed.clear()
            await self.changed.wait()
        return None


class OwnerLine:
    """The runs that an owner follows, and the news that wait for it."""

    def __init__(self) -> None:
        self.run_ids: set[str] = set()
        self._news: deque[worker_pb2.WorkerNews] = deque()
        self._ready = asyncio.Event()
        self._too_slow = False

    def put(self, news: worker_pb2.WorkerNews) -> None:
        """Add news of a run that is followed."""
        if news.run_id in self.run_ids:
            self._too_slow = self._too_slow or len(self._news) >= MOST_NEWS
            if not self._too_slow:
                self._news.append(news)
            self._ready.set()

    async def take(self) -> worker_pb2.WorkerNews:
        """The next news. Waits for them. Raises TooSlow."""
        while not self._news:
            self._ready.clear()
            await self._ready.wait()
        if self._too_slow:
            raise TooSlow
        return self._news.popleft()


class Control:
    """Passes events to workers and reports to owners."""

    def __init__(self) -> None:
        self.owners: list[OwnerLine] = []
        self._lines: dict[Key, WorkerLine] = {}
        self._told: dict[Key, worker_pb2.Worker] = {}

    def line(self, key: Key) -> WorkerLine:
        """The line of a worker."""
        return self._lines.setdefault(key, WorkerLine())

    def send(self, run_id: str, worker_id: str, event: worker_pb2.ControlEvent) -> bool:
        """Queue an event for a worker. False if too many wait for it."""
        line = self.line((run_id, worker_id))
        if len(line.waiting) >= MOST_WAITING:
            return False
        if event.WhichOneof("event") == "turn":
            if line.unreported is not None and line.unreported.turn.turn < event.turn.turn:
                line.unreported = None
            # A turn that is given again replaces the one that still waits.
            again = [other for other in line.waiting if other == event]
            if again:
                return True
        line.waiting.append(event)
        line.changed.set()
        return True

    def report(self, run_id: str, worker_id: str, report: worker_pb2.Report) -> None:
        """Pass a report to the owners that follow the run."""
        line = self.line((run_id, worker_id))
        if line.unreported is not None and line.unreported.turn.turn <= report.turn:
            line.unreported = None
        self._tell(worker_pb2.WorkerNews(run_id=run_id, worker_id=worker_id, report=report))

    def run_changed(self, run: worker_pb2.Run) -> None:
        """Tell owners which workers of a run have changed, and close the lines of those that have ended."""
        for worker in run.workers:
            key = (run.run_id, worker.worker_id)
            before = self._told.get(key)
            if before is None or (before.state, before.connected) != (worker.state, worker.connected):
                self._told[key] = worker
                self._tell(worker_pb2.WorkerNews(run_id=run.run_id, worker_id=worker.worker_id, worker=worker))
            if worker.state in ENDS and (line := self._lines.pop(key, None)) is not None:
                line.stream = None
                line.changed.set()
        if run.finished_at:
            for worker in run.workers:
                self._told.pop((run.run_id, worker.worker_id), None)

    def _tell(self, news: worker_pb2.WorkerNews) -> None:
        for owner in self.owners:
            owner.put(news)
