"""The latest events of each run in memory, and the listeners that follow a run.

A listener has a place in the stream, and no copy of it: it takes what follows from the ring or, if that does not reach
back far enough, from the database. Each event costs it a credit. What comes while it takes nothing waits for it. If
more than MOST_BEHIND events wait, it has stopped reading: it continues with the latest QUEUE of them, and all before
are lost, counted, and reported with its next delivery. Nothing ever waits for a listener.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from threading import Lock
from typing import Final, Protocol

from psyche_cli.workers.service.contract import MOST_CHARACTERS_OF_LINES
from psyche_cli.workers.telemetry.events import Delivery, Stored, Stream

KEPT: Final = {Stream.STEPS: 4096, Stream.EPISODES: 1024}
"""The maximum number of events in the ring of a run."""
MOST_CHARACTERS: Final = 4 << 20
"""The maximum number of characters in the lines of a ring."""
QUEUE: Final = 2048
"""How many events a listener that has stopped reading receives when it reads again."""
MOST_BEHIND: Final = 65_536
"""The maximum number of events that wait for a listener that still reads: what comes in 6 seconds at 10,000 per second.

The daemon itself may be late: as many events may wait for the database, and become available at once.
"""
FIRST_CREDITS: Final = 200
MOST_CREDITS: Final = 400
MOST_RINGS: Final = 64
"""The number of rings to keep. The one that was used least recently is dropped, unless it has listeners."""


class Archive(Protocol):
    """What the rings read from the database. Safe to call from any thread."""

    def last_seq(self, run: str, stream: Stream) -> int:
        """The sequence number of the last event, 0 if there is none."""

    def events(self, run: str, stream: Stream, since_seq: int, limit: int) -> list[Stored]:
        """The first ``limit`` events after ``since_seq``, in order."""


class _Ring:
    """The latest events of a stream, up to event ``last``."""

    def __init__(self, size: int, last: int) -> None:
        self.last = last
        self._events: deque[Stored] = deque()
        self._size = size
        self._characters = 0

    def __len__(self) -> int:
        return len(self._events)

    def extend(self, events: list[Stored]) -> None:
        """Add events, in order."""
        # A ring that was created by a listener may already be ahead of them.
        new = events if events[0].seq > self.last else [event for event in events if event.seq > self.last]
        self._events.extend(new)
        self._characters += sum(len(event.line) for event in new)
        while len(self._events) > self._size or self._characters > MOST_CHARACTERS:
            self._characters -= len(self._events.popleft().line)
        self.last = max(self.last, events[-1].seq)

    def reaches(self, since_seq: int) -> bool:
        """Whether every event after ``since_seq`` is in the ring."""
        return self.last - since_seq <= len(self._events)

    def after(self, since_seq: int, limit: int) -> list[Stored]:
        """The first ``limit`` events after ``since_seq``, which the ring reaches."""
        begin = len(self._events) - max(self.last - since_seq, 0)
        return list(islice(self._events, begin, begin + limit))


class Rings:
    """The rings of all runs. Safe to use from any thread."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = Lock()
        self._rings: dict[tuple[str, Stream], _Ring] = {}
        self._listeners: dict[tuple[str, Stream], list[Listener]] = {}

    def push(self, run: str, stream: Stream, events: list[Stored]) -> None:
        """Add events that are in the database, in order, and wake the listeners. Never waits for a listener."""
        with self._lock:
            self._ring((run, stream), events[0].seq - 1).extend(events)
            ready = [listener for listener in self._listeners.get((run, stream), ()) if listener.credits > 0]
        for listener in ready:
            listener._notify()

    def listen(self, run: str, stream: Stream, since_seq: int, notify: Callable[[], None]) -> Listener:
        """Follow a stream from the event after ``since_seq`` on (0: from the first).

        ``notify`` is called from any thread when the listener may have become ready. It returns quickly, and does not
        call the listener.
        """
        key = (run, stream)
        listener = Listener(self, key, since_seq, notify)
        with self._lock:
            self._listeners.setdefault(key, []).append(listener)
        return listener

    def forget(self, run: str) -> None:
        """Drop the rings of a run, which is deleted. Its listeners receive nothing more."""
        with self._lock:
            for stream in Stream:
                self._rings.pop((run, stream), None)

    def _ring(self, key: tuple[str, Stream], last: int) -> _Ring:
        """The ring of a stream, now the one that was used last. A new ring continues after event ``last``."""
        ring = self._rings.pop(key, None) or _Ring(KEPT[key[1]], last)
        self._rings[key] = ring
        if len(self._rings) > MOST_RINGS:
            unused = next((other for other in self._rings if other not in self._listeners and other != key), None)
            if unused is not None:
                del self._rings[unused]
        return ring


class Listener:
    """Follows a stream of a run. ``take`` is called by one thread at a time."""

    def __init__(self, rings: Rings, key: tuple[str, Stream], since_seq: int, notify: Callable[[], None]) -> None:
        self.credits = FIRST_CREDITS
        self.lost = 0
        """The number of events that were dropped for this listener so far."""
        self._rings = rings
        self._key = key
        self._cursor = since_seq
        self._has_caught_up = False
        self._lost_since_take = 0
        self._notify = notify

    @property
    def needs_database(self) -> bool:
        """Whether ``take`` reads from the database."""
        with self._rings._lock:
            ring = self._rings._rings.get(self._key)
            return ring is None or not ring.reaches(self._cursor)

    @property
    def is_ready(self) -> bool:
        """Whether ``take`` may return events."""
        with self._rings._lock:
            ring = self._rings._rings.get(self._key)
            return self.credits > 0 and (ring is None or ring.last > self._cursor)

    def take(self, limit: int = MOST_CREDITS) -> Delivery:
        """The next events, at most ``limit`` and one per credit. May read from the database; never waits for events.

        Raises TelemetryError.
        """
        with self._rings._lock:
            wanted = min(limit, self.credits)
            ring = self._rings._rings.get(self._key)
            if wanted == 0:
                return Delivery([], 0)
            beyond_ring = 0 if ring is None else ring.last - len(ring)
            if ring is not None:
                self._skip(ring.last)
                if ring.reaches(self._cursor):
                    self._has_caught_up = True
                    return self._delivery(ring.after(self._cursor, wanted))
        run, stream = self._key
        last = self._rings._archive.last_seq(run, stream)
        found = self._rings._archive.events(run, stream, self._cursor, wanted)
        with self._rings._lock:
            if not found:
                # Nothing of what was there before is left to replay, also where events were deleted.
                self._cursor = max(self._cursor, last, beyond_ring)
                self._has_caught_up = True
                self._rings._ring(self._key, last)
            return self._delivery(found)

    def grant(self, credits: int) -> None:
        """Allow ``credits`` more events, up to MOST_CREDITS in all."""
        with self._rings._lock:
            self.credits = min(self.credits + max(credits, 0), MOST_CREDITS)
        self._notify()

    def close(self) -> None:
        """Stop following."""
        with self._rings._lock:
            self.credits = 0
            others = [other for other in self._rings._listeners.pop(self._key, []) if other is not self]
            if others:
                self._rings._listeners[self._key] = others

    def _skip(self, last: int) -> None:
        """Lose what does not wait any longer. Before it has caught up, a listener may replay any number of events."""
        if self._has_caught_up and last - self._cursor > MOST_BEHIND:
            lost = last - self._cursor - QUEUE
            self.lost += lost
            self._lost_since_take += lost
            self._cursor += lost

    def _delivery(self, found: list[Stored]) -> Delivery:
        """Deliver the first of these events, as many as fit into a message, and at least one."""
        characters, count = 0, 0
        for event in found:
            characters += len(event.line)
            if count and characters > MOST_CHARACTERS_OF_LINES:
                break
            count += 1
        events = found[:count]
        if not events:
            return Delivery([], 0)
        self.credits -= len(events)
        self._cursor = events[-1].seq
        lost, self._lost_since_take = self._lost_since_take, 0
        return Delivery(events, lost)
