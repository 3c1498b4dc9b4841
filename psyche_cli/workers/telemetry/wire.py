"""Telemetry as messages of the worker service. Importing this module imports protobuf, but not grpc."""

from __future__ import annotations

from psyche_cli.workers.service.worker_pb2 import PrintedEvent, RunEpisode, RunEpisodes, RunStep, RunSteps
from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, Batch, Event, Kind, Stored, Stream
from psyche_cli.workers.telemetry.lines import MOST_NUMBER, MalformedLine, check_fields

_MOST_SOURCE_CHARACTERS = 64


class InvalidBatch(ValueError):
    """A batch that no proxy sends. Sending it again is futile."""


def steps_message(batch: Batch) -> RunSteps:
    """A batch of steps as a message."""
    return RunSteps(
        source=batch.source,
        number=batch.number,
        dropped=batch.dropped,
        malformed=batch.malformed,
        steps=[
            PrintedEvent(number=number, time_unix_nanos=at, fields=fields) for _, number, at, fields in batch.events
        ],
    )


def episodes_message(batch: Batch) -> RunEpisodes:
    """A batch of episodes as a message."""
    return RunEpisodes(
        source=batch.source,
        number=batch.number,
        dropped=batch.dropped,
        malformed=batch.malformed,
        episodes=[
            PrintedEvent(number=number, time_unix_nanos=at, fields=fields, run_completed=kind is Kind.RUN_COMPLETED)
            for kind, number, at, fields in batch.events
        ],
    )


def batch_of(message: RunSteps | RunEpisodes) -> Batch:
    """The batch in a message of a proxy. Raises InvalidBatch."""
    if not 0 < len(message.source) <= _MOST_SOURCE_CHARACTERS or not message.source.isprintable():
        raise InvalidBatch("A batch has an invalid source.")
    if max(message.number, message.dropped, message.malformed) > MOST_NUMBER or message.number == 0:
        raise InvalidBatch("A batch has an invalid number.")
    stream = Stream.STEPS if isinstance(message, RunSteps) else Stream.EPISODES
    printed = message.steps if isinstance(message, RunSteps) else message.episodes
    if len(printed) > MOST_IN_BATCH:
        raise InvalidBatch(f"A batch has more than {MOST_IN_BATCH} events.")
    events = [_event(stream, event) for event in printed]
    return Batch(message.source, message.number, message.dropped, message.malformed, stream, tuple(events))


def step_message(run: str, stored: Stored) -> RunStep:
    """A step from the database as a message to a listener."""
    event = stored.event
    _, number, at, _ = event
    return RunStep(
        run_id=run,
        worker_id=stored.worker,
        step=number,
        seq=stored.seq,
        time_unix_nanos=at,
        values=event.values,
        texts=event.texts,
    )


def episode_message(run: str, stored: Stored) -> RunEpisode:
    """An episode or a completion from the database as a message to a listener."""
    event = stored.event
    kind, number, at, _ = event
    return RunEpisode(
        run_id=run,
        worker_id=stored.worker,
        episode=number,
        seq=stored.seq,
        time_unix_nanos=at,
        values=event.values,
        texts=event.texts,
        run_completed=kind is Kind.RUN_COMPLETED,
    )


def _event(stream: Stream, message: PrintedEvent) -> Event:
    """An event, if ``lines.parse`` could have returned it."""
    kind, number, at = Kind.STEP, message.number, message.time_unix_nanos
    if stream is Stream.EPISODES:
        kind = Kind.RUN_COMPLETED if message.run_completed else Kind.EPISODE
    fields = message.fields
    if number > MOST_NUMBER or at > MOST_NUMBER:
        raise InvalidBatch("An event has an invalid number or time.")
    try:
        check_fields(fields)
    except MalformedLine as error:
        raise InvalidBatch(f"An event has invalid values or texts: {error}.") from error
    return Event(kind, number, at, fields)
