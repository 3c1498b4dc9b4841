"""The latest events of each run in memory, and the listeners that follow a run.

A listener first replays what came after a sequence number, from the ring or, if that does not reach back far enough,
from the database. Then it follows, with a queue of its own. If it takes events more slowly than they come, its queue
drops the oldest, which are counted and reported with its next delivery. Each event costs a listener a credit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from threading import Lock
from typing import Final, NamedTuple, Protocol

from psyche_cli.workers.telemetry.events import Stored, Stream

KEPT: Final = {Stream.STEPS: 4096, Stream.EPISODES: 1024}
"""The number of events in the ring of a run."""
QUEUE: Final = 2048
"""The maximum number of events that wait for a listener."""
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


class Delivery(NamedTuple):
    """What a listener takes at once. ``lost`` events before the first of ``events`` were dropped for this listener."""

    events: list[Stored]
    lost: int


class _Ring:
    """The latest events of a stream, and its listeners."""

    def __init__(self, size: int, last: int) -> None:
        self.events: deque[Stored] = deque(maxlen=size)
        self.last = last
        self.listeners: list[Listener] = []

    def reaches(self, since_seq: int) -> bool:
        """Whether every event after ``since_seq`` is in the ring."""
        return self.last - since_seq <= len(self.events)

    def after(self, since_seq: int) -> Iterable[Stored]:
        return islice(self.events, len(self.events) - max(self.last - since_seq, 0), None)


class Rings:
    """The rings of all runs. Safe to use from any thread."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._lock = Lock()
        self._rings: dict[tuple[str, Stream], _Ring] = {}

    def push(self, run: str, stream: Stream, events: list[Stored]) -> None:
        """Add events that are in the database, in order, and pass them to the listeners. Never waits for a listener."""
        with self._lock:
            ring = self._ring((run, stream), events[0].seq - 1)
            # A ring that was created by a listener may already be ahead of these events.
            new = [event for event in events if event.seq > ring.last]
            ring.events.extend(new)
            ring.last = max(ring.last, events[-1].seq)
            for listener in ring.listeners:
                listener._queue_up(new)
            ready = [listener for listener in ring.listeners if listener.credits > 0]
        for listener in ready:
            listener._notify()

    def listen(self, run: str, stream: Stream, since_seq: int, notify: Callable[[], None]) -> Listener:
        """Follow a stream from the event after ``since_seq`` on (0: from the first).

        ``notify`` is called from any thread when the listener may have become ready. It returns quickly, and does not
        call the listener.
        """
        return Listener(self, (run, stream), since_seq, notify)

    def forget(self, run: str) -> None:
        """Drop the rings of a run, which is deleted. Its listeners receive nothing more."""
        with self._lock:
            for stream in Stream:
                self._rings.pop((run, stream), None)

    def _ring_or_none(self, key: tuple[str, Stream]) -> _Ring | None:
        return self._rings.get(key)

    def _ring(self, key: tuple[str, Stream], last: int) -> _Ring:
        """The ring of a stream, now the one that was used last. A new ring continues after event ``last``."""
        ring = self._rings.pop(key, None) or _Ring(KEPT[key[1]], last)
        self._rings[key] = ring
        if len(self._rings) > MOST_RINGS:
            unused = next((other for other, found in self._rings.items() if not found.listeners and other != key), None)
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
        self._following = False
        self._queue: deque[Stored] = deque(maxlen=QUEUE)
        self._lost_since_take = 0
        self._notify = notify

    @property
    def is_following(self) -> bool:
        """Whether ``take`` no longer reads from the database."""
        return self._following

    @property
    def is_ready(self) -> bool:
        """Whether ``take`` may return events."""
        return self.credits > 0 and (bool(self._queue) or not self._following)

    def take(self, limit: int = MOST_CREDITS) -> Delivery:
        """The next events, at most ``limit`` and one per credit. May read from the database; never waits for events."""
        with self._rings._lock:
            wanted = min(limit, self.credits)
            ring = self._rings._ring_or_none(self._key)
            if ring is not None and not self._following and ring.reaches(self._cursor):
                self._follow(ring)
            if self._following or wanted == 0:
                return self._delivery([self._queue.popleft() for _ in range(min(wanted, len(self._queue)))])
            if ring is not None and ring.reaches(self._cursor):
                return self._delivery(list(islice(ring.after(self._cursor), wanted)))
        run, stream = self._key
        found = self._rings.archive.events(run, stream, self._cursor, wanted)
        last = self._rings.archive.last_seq(run, stream)
        with self._rings._lock:
            if not found:
                # Nothing is left to replay, also where events were deleted.
                self._cursor = max(self._cursor, last)
                self._follow(self._rings._ring(self._key, last))
            return self._delivery(found)

    def grant(self, credits: int) -> None:
        """Allow ``credits`` more events, up to MOST_CREDITS in all."""
        with self._rings._lock:
            self.credits = min(self.credits + max(credits, 0), MOST_CREDITS)
        self._notify()

    def close(self) -> None:
        """Stop following. Events that were not taken are dropped."""
        with self._rings._lock:
            ring = self._rings._ring_or_none(self._key)
            if ring is not None and self in ring.listeners:
                ring.listeners.remove(self)
            self._queue.clear()
            self._following = True

    def _follow(self, ring: _Ring) -> None:
        """Queue what the ring has after the cursor, and what comes from now on, if the queue is large enough for it."""
        rest = list(ring.after(self._cursor))
        if len(rest) <= QUEUE:
            self._following = True
            ring.listeners.append(self)
            self._queue_up(rest)

    def _queue_up(self, events: list[Stored]) -> None:
        # The replay may have read events that the ring receives only now.
        new = [event for event in events if event.seq > self._cursor]
        if new:
            overflow = max(len(self._queue) + len(new) - QUEUE, 0)
            self.lost += overflow
            self._lost_since_take += overflow
            self._queue.extend(new)
            self._cursor = new[-1].seq

    def _delivery(self, events: list[Stored]) -> Delivery:
        self.credits -= len(events)
        if not self._following and events:
            self._cursor = events[-1].seq
        lost = self._lost_since_take if events else 0
        self._lost_since_take -= lost
        return Delivery(events, lost)
