"""Events for tests of telemetry."""

from __future__ import annotations

from psyche_cli.workers.telemetry.events import Batch, Event, Kind, Stream, event_of

AT = 1_800_000_000_000_000_000


def step(number: int, **values: float) -> Event:
    return event_of(Kind.STEP, number, AT, values, {})


def episode(number: int, **texts: str) -> Event:
    return event_of(Kind.EPISODE, number, AT, {}, texts)


def steps(first: int, count: int) -> tuple[Event, ...]:
    return tuple(step(number, loss=1 / number) for number in range(first, first + count))


def batch(number: int, events: tuple[Event, ...], *, source: str = "a", dropped: int = 0, malformed: int = 0) -> Batch:
    stream = events[0].kind.stream if events else Stream.STEPS
    return Batch(source, number, dropped, malformed, stream, events)
