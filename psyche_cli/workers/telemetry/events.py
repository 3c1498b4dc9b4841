"""What a worker reports: steps, episodes and its completion."""

from __future__ import annotations

import json
from enum import Enum
from typing import Final, NamedTuple

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


class Event(NamedTuple):
    """Something that a worker reported.

    ``number`` is the step or episode, as the worker counts them (0 for RUN_COMPLETED). ``at`` is the time in
    nanoseconds since 1970. ``fields`` are its values and texts as a JSON object, first the values, which are finite. It
    is only decoded for those who read the event.
    """

    kind: Kind
    number: int
    at: int
    fields: str

    @property
    def values(self) -> dict[str, float]:
        """The fields that are numbers."""
        return {name: value for name, value in json.loads(self.fields).items() if not isinstance(value, str)}

    @property
    def texts(self) -> dict[str, str]:
        """The fields that are texts."""
        return {name: value for name, value in json.loads(self.fields).items() if isinstance(value, str)}


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


def event_of(kind: Kind, number: int, at: int, values: dict[str, float], texts: dict[str, str]) -> Event:
    """An event with these values and texts, which have no name in common."""
    return Event(kind, number, at, _ENCODER.encode({**values, **texts}))


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
    """An event in the database. ``seq`` is 1, 2, … per run and stream, also across restarts of workers and daemon."""

    seq: int
    worker: str
    event: Event
