"""Batches as messages: what is sent is received, and what no proxy sends is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from psyche_cli.workers.service.worker_pb2 import EventBatch, EventDelivery
from psyche_cli.workers.telemetry import wire
from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, Batch, Delivery, Event, Kind, Stored, Stream
from psyche_cli.workers.telemetry.lines import MOST_FIELDS, MOST_LINE_BYTES, MOST_NUMBER, MOST_TEXT_CHARACTERS
from tests.workers.telemetry.events import AT, batch, episode, event_of, step, steps

COMPLETED = event_of(Kind.RUN_COMPLETED, {"loss": 1.5, "outcome": "trained"})
STEP = '{"type":"step","step":1}'


@pytest.mark.parametrize("events", [steps(1, 5), (step(MOST_NUMBER, loss=-0.5),), ()])
def test_a_batch_of_steps_is_received_as_sent(events: tuple[Event, ...]) -> None:
    sent = batch(7, events, dropped=3, malformed=2)
    assert wire.batch_of(EventBatch.FromString(wire.batch_message(sent).SerializeToString()), Stream.STEPS) == sent


def test_a_batch_of_episodes_is_received_as_sent() -> None:
    sent = Batch("a", 1, 0, 0, Stream.EPISODES, (episode(3, phase="x"), COMPLETED))
    assert wire.batch_of(EventBatch.FromString(wire.batch_message(sent).SerializeToString()), Stream.EPISODES) == sent


@pytest.mark.parametrize("events", [[], [Stored(9, "w", *step(3, loss=0.5)), Stored(10, "v", *COMPLETED)]])
def test_listeners_receive_events_with_their_number_and_the_worker(events: list[Stored]) -> None:
    sent = Delivery(events, 7)
    assert wire.delivery_of(EventDelivery.FromString(wire.delivery_message(sent).SerializeToString())) == sent


def _set(**fields: object) -> Callable[[EventBatch], None]:
    def change(message: EventBatch) -> None:
        for name, value in fields.items():
            setattr(message, name, value)

    return change


def _add(line: str, at: int = AT) -> Callable[[EventBatch], None]:
    def change(message: EventBatch) -> None:
        message.lines.append(line)
        message.times.append(at)

    return change


def _add_fields(fields: str) -> Callable[[EventBatch], None]:
    return _add(f'{{"type":"step","step":1,{fields}}}')


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set(source=""), "invalid source"),
        (_set(source="a" * 65), "invalid source"),
        (_set(source="a\n"), "invalid source"),
        (_set(number=0), "invalid number"),
        (_set(number=MOST_NUMBER + 1), "invalid number"),
        (_set(dropped=MOST_NUMBER + 1), "invalid number"),
        (lambda message: message.lines.extend([STEP] * (MOST_IN_BATCH + 1)), "more than 512 events"),
        (lambda message: message.lines.append(STEP), "an invalid time, or not one for each event"),
        (lambda message: message.times.append(AT), "an invalid time, or not one for each event"),
        (_add(STEP, MOST_NUMBER + 1), "an invalid time"),
        (_add(""), "not one of the stream steps"),
        (_add("text"), "not one of the stream steps"),
        (_add('{"type":"episode","episode":1}'), "not one of the stream steps"),
        (_add('{"type":"step",\n"step":1}'), "not one of the stream steps"),
        (_add('{"type":"step"'), "not JSON"),
        (_add(STEP + STEP), "not JSON"),
        (_add('{"a":' + "[" * 10_000), "not JSON"),
        (_add('{"type":"step","step":-1}'), "step is missing"),
        (_add_fields('"a":1.0,"a":2.0'), "a key is repeated"),
        (_add_fields('"a":"' + "x" * MOST_LINE_BYTES + '"'), "longer than"),
        (_add_fields('"":1.0'), "not a name"),
        (_add(json.dumps({"type": "step", "step": 1, "\x1b[2J": "x"})), "not a name"),
        (_add_fields(",".join(f'"v{number}":1' for number in range(MOST_FIELDS + 1))), "more than 64 values"),
        (_add_fields('"loss":NaN'), "not finite"),
        (_add_fields('"loss":1e999'), "not finite"),
        (_add_fields('"loss":null'), "null, an array or an object"),
        (_add_fields('"loss":{}'), "null, an array or an object"),
        (_add_fields('"a":"\\ud800"'), "not Unicode"),
        (_add_fields('"a":"' + "x" * (MOST_TEXT_CHARACTERS + 1) + '"'), "longer than"),
    ],
)
def test_a_batch_that_no_proxy_sends_is_refused(change: Callable[[EventBatch], None], reason: str) -> None:
    message = wire.batch_message(batch(1, steps(1, 1)))
    change(message)
    with pytest.raises(wire.InvalidBatch, match=reason):
        wire.batch_of(message, Stream.STEPS)
