"""The events that wait in a proxy until the daemon takes them."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterable
from threading import Condition
from typing import Final

from psyche_cli.workers.service.contract import MOST_CHARACTERS_OF_LINES
from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, Batch, Event, Stream

CAPACITY: Final = 2048
"""The maximum number of events of a stream that wait. If one more comes, the oldest is dropped."""
PAUSE_SECONDS: Final = 0.5
"""About the shortest time between two batches, unless half a batch waits. It varies, so that proxies take turns."""

_HALF: Final = MOST_IN_BATCH // 2


class Outbox:
    """Events in the order in which they were printed. Adding one never waits. Safe to use from any thread."""

    def __init__(self, source: str) -> None:
        self.dropped = 0
        self.malformed = 0
        self._source = source
        self._changed = Condition()
        self._waiting: dict[Stream, deque[Event]] = {stream: deque() for stream in Stream}
        self._closed = False
        self._number = 0
        self._reported = (0, 0)
        self._next_at = 0.0

    def add(self, printed: Iterable[tuple[Stream, Event]]) -> None:
        """Add events in the order in which they were printed."""
        with self._changed:
            before = max(map(len, self._waiting.values()))
            for stream, event in printed:
                waiting = self._waiting[stream]
                if len(waiting) == CAPACITY:
                    waiting.popleft()
                    self.dropped += 1
                waiting.append(event)
            after = max(map(len, self._waiting.values()))
            if before == 0 < after or before < _HALF <= after:
                self._changed.notify()

    def add_malformed(self) -> None:
        """Count a line that could not be parsed."""
        with self._changed:
            self.malformed += 1

    def discard(self, batch: Batch) -> None:
        """Count the events of a batch that the daemon refuses as dropped."""
        with self._changed:
            self.dropped += len(batch.events)

    def close(self) -> None:
        """Add nothing more. ``next_batch`` returns the rest without a pause, and then None."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def next_batch(self) -> Batch | None:
        """Wait for events and take as many as fit into a batch. None at the end.

        The last batch may have no events, if it reports losses that no batch before has reported.
        """
        with self._changed:
            while not self._closed and (seconds := self._seconds_to_wait()) != 0:
                self._changed.wait(seconds)
            self._next_at = time.monotonic() + PAUSE_SECONDS * random.uniform(0.5, 1.5)
            stream = next((stream for stream in Stream if self._waiting[stream]), None)
            totals = (self.dropped, self.malformed)
            if stream is None and totals == self._reported:
                return None
            self._number += 1
            self._reported = totals
            events = [] if stream is None else _take(self._waiting[stream])
            return Batch(self._source, self._number, *totals, stream or Stream.STEPS, tuple(events))

    def _seconds_to_wait(self) -> float | None:
        """How long to wait for more events; None: until one comes."""
        most = max(map(len, self._waiting.values()))
        if most == 0:
            return None
        return 0 if most >= _HALF else max(self._next_at - time.monotonic(), 0)


def _take(waiting: deque[Event]) -> list[Event]:
    events: list[Event] = []
    total = 0
    while waiting and len(events) < MOST_IN_BATCH:
        total += len(waiting[0].line)
        if events and total > MOST_CHARACTERS_OF_LINES:
            break
        events.append(waiting.popleft())
    return events
