"""Telemetry as messages of the worker service. Importing this module imports protobuf, but not grpc."""

from __future__ import annotations

from typing import Final

from psyche_cli.workers.service.worker_pb2 import EventBatch, EventDelivery
from psyche_cli.workers.telemetry.events import Batch, Delivery, Stored, Stream
from psyche_cli.workers.telemetry.lines import MOST_NUMBER, MalformedLine, printed_events

_MOST_SOURCE_CHARACTERS: Final = 64


class InvalidBatch(ValueError):
    """A batch that no proxy sends. Sending it again is futile."""


def batch_message(batch: Batch) -> EventBatch:
    """A batch as a message."""
    return EventBatch(
        source=batch.source,
        number=batch.number,
        dropped=batch.dropped,
        malformed=batch.malformed,
        times=[at for at, _ in batch.events],
        lines=[line for _, line in batch.events],
    )


def batch_of(message: EventBatch, stream: Stream) -> Batch:
    """The batch in a message of a proxy, which publishes in ``stream``. Raises InvalidBatch."""
    if not 0 < len(message.source) <= _MOST_SOURCE_CHARACTERS or not message.source.isprintable():
        raise InvalidBatch("A batch has an invalid source.")
    if max(message.number, message.dropped, message.malformed) > MOST_NUMBER or message.number == 0:
        raise InvalidBatch("A batch has an invalid number.")
    try:
        events = printed_events(stream, message.times, message.lines)
    except MalformedLine as error:
        raise InvalidBatch(f"A batch is not one that a proxy sends: {error}.") from error
    return Batch(message.source, message.number, message.dropped, message.malformed, stream, events)


def delivery_message(delivery: Delivery) -> EventDelivery:
    """A delivery to a listener as a message."""
    events = delivery.events
    return EventDelivery(
        lost=delivery.lost,
        seqs=[event.seq for event in events],
        worker_ids=[event.worker for event in events],
        times=[event.at for event in events],
        lines=[event.line for event in events],
    )


def delivery_of(message: EventDelivery) -> Delivery:
    """The delivery in a message of the daemon."""
    columns = zip(message.seqs, message.worker_ids, message.times, message.lines, strict=True)
    return Delivery([Stored(*event) for event in columns], message.lost)
