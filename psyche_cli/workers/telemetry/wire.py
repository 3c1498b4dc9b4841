"""Telemetry as messages of the worker service. Importing this module imports protobuf, but not grpc."""

from __future__ import annotations

import math
from collections.abc import Iterable

from psyche_cli.workers.service.worker_pb2 import RunEpisode, RunEpisodes, RunStep, RunSteps
from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, Batch, Event, Kind, Stored, Stream
from psyche_cli.workers.telemetry.lines import MOST_FIELDS, MOST_NUMBER, MOST_TEXT_CHARACTERS, is_name

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
            RunStep(step=number, time_unix_nanos=at, values=values, texts=texts)
            for _, number, at, values, texts in batch.events
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
            RunEpisode(
                episode=number,
                time_unix_nanos=at,
                values=values,
                texts=texts,
                run_completed=kind is Kind.RUN_COMPLETED,
            )
            for kind, number, at, values, texts in batch.events
        ],
    )


def batch_of(message: RunSteps | RunEpisodes) -> Batch:
    """The batch in a message of a proxy. Raises InvalidBatch."""
    if isinstance(message, RunSteps):
        stream, events = Stream.STEPS, [_step(step) for step in message.steps]
    else:
        stream, events = Stream.EPISODES, [_episode(episode) for episode in message.episodes]
    if not 0 < len(message.source) <= _MOST_SOURCE_CHARACTERS or not message.source.isprintable():
        raise InvalidBatch("A batch has an invalid source.")
    if max(message.number, message.dropped, message.malformed) > MOST_NUMBER or message.number == 0:
        raise InvalidBatch("A batch has an invalid number.")
    if len(events) > MOST_IN_BATCH:
        raise InvalidBatch(f"A batch has more than {MOST_IN_BATCH} events.")
    return Batch(message.source, message.number, message.dropped, message.malformed, stream, tuple(events))


def step_message(run: str, stored: Stored) -> RunStep:
    """A step from the database as a message to a listener."""
    _, number, at, values, texts = stored.event
    return RunStep(
        run_id=run,
        worker_id=stored.worker,
        step=number,
        seq=stored.seq,
        time_unix_nanos=at,
        values=values,
        texts=texts,
    )


def episode_message(run: str, stored: Stored) -> RunEpisode:
    """An episode or a completion from the database as a message to a listener."""
    kind, number, at, values, texts = stored.event
    return RunEpisode(
        run_id=run,
        worker_id=stored.worker,
        episode=number,
        seq=stored.seq,
        time_unix_nanos=at,
        values=values,
        texts=texts,
        run_completed=kind is Kind.RUN_COMPLETED,
    )


def _step(message: RunStep) -> Event:
    return _checked(Event(Kind.STEP, message.step, message.time_unix_nanos, dict(message.values), dict(message.texts)))


def _episode(message: RunEpisode) -> Event:
    kind = Kind.RUN_COMPLETED if message.run_completed else Kind.EPISODE
    values, texts = dict(message.values), dict(message.texts)
    return _checked(Event(kind, message.episode, message.time_unix_nanos, values, texts))


def _checked(event: Event) -> Event:
    """An event, if ``lines.parse`` could have returned it."""
    _, number, at, values, texts = event
    if number > MOST_NUMBER or at > MOST_NUMBER:
        raise InvalidBatch("An event has an invalid number or time.")
    if len(values) + len(texts) > MOST_FIELDS or not _are_names(values) or not _are_names(texts):
        raise InvalidBatch("An event has invalid names, or too many values and texts.")
    if not all(map(math.isfinite, values.values())):
        raise InvalidBatch("An event has a value that is not finite.")
    if any(len(text) > MOST_TEXT_CHARACTERS for text in texts.values()):
        raise InvalidBatch("An event has a text that is too long.")
    return event


def _are_names(names: Iterable[str]) -> bool:
    return all(map(is_name, names))
