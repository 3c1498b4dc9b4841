"""What a worker reports: steps, episodes and its completion."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Final, NamedTuple

MOST_IN_BATCH: Final = 512
"""The maximum number of events in a batch."""


class Kind(str, Enum):
    """What happened, by the ``type`` of the worker's line."""

    STEP = "step"
    EPISODE = "episode"
    RUN_COMPLETED = "run_completed"

    @property
    def stream(self) -> Stream:
        """The stream in which events of this kind are numbered, published and listened to."""
        return Stream.STEPS if self is Kind.STEP else Stream.EPISODES


class Stream(str, Enum):
    """The two sequences of events of a run: steps, and episodes with the completion of workers."""

    STEPS = "steps"
    EPISODES = "episodes"


NUMBERED: Final = {Kind.STEP: "step", Kind.EPISODE: "episode"}
"""The key of the number of a step or an episode."""
RESERVED: Final = ("type", "time", "run_id", "worker_id")
"""The other keys of a line that are neither values nor texts."""


class Content(NamedTuple):
    """What an event says.

    ``number`` is the step or episode, as the worker counts them; 0 for RUN_COMPLETED. ``values`` are its numbers, also
    true (1) and false (0), and ``texts`` its strings.
    """

    kind: Kind
    number: int
    values: dict[str, float]
    texts: dict[str, str]


class Event(NamedTuple):
    """Something that a worker reported.

    ``at`` is the time in nanoseconds since 1970. ``line`` is what the worker printed, a JSON object that was validated
    (see ``lines``), without white space around it. It is only decoded for those who read the event.
    """

    at: int
    line: str

    def read(self) -> Content:
        """What the event says."""
        return _content(self.line)


class Batch(NamedTuple):
    """Events of one stream that a proxy sends at once, in the order in which they were printed.

    ``source`` identifies the proxy, and so one life of a worker. ``number`` is 1, 2, … per source, over both streams.
    A batch that is sent again after a lost answer has the same number, by which the daemon recognizes it. ``dropped``
    and ``malformed`` are totals of the source so far: events that did not fit into its outbox, and lines that could
    not be parsed.
    """

    source: str
    number: int
    dropped: int
    malformed: int
    stream: Stream
    events: tuple[Event, ...]


class Receipt(NamedTuple):
    """The answer to a batch, when its events are in the database.

    ``accepted`` is the number of its events, 0 if the batch had been received before. ``first`` says whether these are
    the first events of the worker in the database.
    """

    accepted: int
    first: bool


class Stored(NamedTuple):
    """An event in the database.

    ``seq`` is 1, 2, … per run and stream, also across restarts of workers and daemon. ``worker`` is the id of the
    worker. See ``Event`` for ``at`` and ``line``.
    """

    seq: int
    worker: str
    at: int
    line: str

    def read(self) -> Content:
        """What the event says."""
        return _content(self.line)


class Delivery(NamedTuple):
    """What a listener takes at once. ``lost`` events before the first of ``events`` were dropped for this listener."""

    events: list[Stored]
    lost: int


def _content(line: str) -> Content:
    found: dict[str, Any] = json.loads(line)
    kind = Kind(found["type"])
    number = found.pop(NUMBERED[kind]) if kind in NUMBERED else 0
    for key in RESERVED:
        found.pop(key, None)
    texts = {name: value for name, value in found.items() if isinstance(value, str)}
    values = {name: float(value) for name, value in found.items() if name not in texts}
    return Content(kind, number, values, texts)
