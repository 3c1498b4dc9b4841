"""Events for tests of telemetry."""

from __future__ import annotations

import json

from psyche_cli.workers.telemetry.events import Batch, Event, Kind, Stream

AT = 1_800_000_000_000_000_000


def event_of(kind: Kind, fields: dict[str, object], at: int = AT) -> Event:
    """An event as ``parse`` returns it."""
    return Event(at, json.dumps({"type": kind.value, **fields}))


def step(number: int, **fields: object) -> Event:
    return event_of(Kind.STEP, {"step": number, **fields})


def episode(number: int, **fields: object) -> Event:
    return event_of(Kind.EPISODE, {"episode": number, **fields})


def steps(first: int, count: int) -> tuple[Event, ...]:
    return tuple(step(number, loss=1 / number) for number in range(first, first + count))


def batch(
    number: int,
    events: tuple[Event, ...],
    *,
    stream: Stream = Stream.STEPS,
    source: str = "a",
    dropped: int = 0,
    malformed: int = 0,
) -> Batch:
    return Batch(source, number, dropped, malformed, stream, events)
