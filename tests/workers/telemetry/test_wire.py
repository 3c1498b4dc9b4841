"""Batches as messages: what is sent is received, and what no proxy sends is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from psyche_cli.workers.service.worker_pb2 import PrintedEvent, RunEpisodes, RunSteps
from psyche_cli.workers.telemetry import wire
from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, Batch, Event, Kind, Stored, Stream, event_of
from psyche_cli.workers.telemetry.lines import MOST_FIELDS, MOST_LINE_BYTES, MOST_NUMBER, MOST_TEXT_CHARACTERS
from tests.workers.telemetry.events import AT, batch, episode, step, steps

COMPLETED = event_of(Kind.RUN_COMPLETED, 0, AT, {"loss": 1.5}, {"outcome": "trained"})


@pytest.mark.parametrize("events", [steps(1, 5), (step(MOST_NUMBER, loss=-0.5),), ()])
def test_a_batch_of_steps_is_received_as_sent(events: tuple[Event, ...]) -> None:
    sent = batch(7, events, dropped=3, malformed=2)
    assert wire.batch_of(RunSteps.FromString(wire.steps_message(sent).SerializeToString())) == sent


def test_a_batch_of_episodes_is_received_as_sent() -> None:
    sent = Batch("a", 1, 0, 0, Stream.EPISODES, (episode(3, phase="x"), COMPLETED))
    assert wire.batch_of(RunEpisodes.FromString(wire.episodes_message(sent).SerializeToString())) == sent


def test_listeners_receive_the_number_and_the_worker() -> None:
    message = wire.step_message("run", Stored(9, "w", step(3, loss=0.5)))
    assert (message.run_id, message.worker_id, message.seq, message.step) == ("run", "w", 9, 3)
    assert dict(message.values) == {"loss": 0.5}
    last = wire.episode_message("run", Stored(2, "w", COMPLETED))
    assert (last.seq, last.run_completed, dict(last.texts)) == (2, True, {"outcome": "trained"})


def _set(**fields: object) -> Callable[[RunSteps], None]:
    def change(message: RunSteps) -> None:
        for name, value in fields.items():
            setattr(message, name, value)

    return change


def _add(**fields: object) -> Callable[[RunSteps], None]:
    return lambda message: message.steps.append(PrintedEvent(**fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_set(source=""), "invalid source"),
        (_set(source="a" * 65), "invalid source"),
        (_set(source="a\n"), "invalid source"),
        (_set(number=0), "invalid number"),
        (_set(number=MOST_NUMBER + 1), "invalid number"),
        (_set(dropped=MOST_NUMBER + 1), "invalid number"),
        (lambda message: message.steps.extend([PrintedEvent()] * (MOST_IN_BATCH + 1)), "more than 512 events"),
        (_add(number=MOST_NUMBER + 1), "invalid number or time"),
        (_add(time_unix_nanos=MOST_NUMBER + 1), "invalid number or time"),
        (_add(), "not JSON"),
        (_add(fields='{"a":1.0'), "not JSON"),
        (_add(fields='{"a":1.0} {}'), "not JSON"),
        (_add(fields="[" * 10_000), "not JSON"),
        (_add(fields='["a"]'), "not a JSON object"),
        (_add(fields='{"a":1.0,"a":2.0}'), "a key is repeated"),
        (_add(fields='{"a":"' + "x" * 2 * MOST_LINE_BYTES + '"}'), "too long"),
        (_add(fields='{"":1.0}'), "invalid names"),
        (_add(fields=json.dumps({"\x1b[2J": "x"})), "invalid names"),
        (
            _add(fields=json.dumps({f"v{number}": 1.0 for number in range(MOST_FIELDS + 1)})),
            "too many values and texts",
        ),
        (_add(fields='{"loss":NaN}'), "not finite"),
        (_add(fields='{"loss":-Infinity}'), "not finite"),
        (_add(fields='{"loss":1e999}'), "not finite"),
        (_add(fields='{"loss":1}'), "not a number with a decimal point"),
        (_add(fields='{"loss":true}'), "not a number with a decimal point"),
        (_add(fields='{"loss":null}'), "not a number with a decimal point"),
        (_add(fields='{"loss":{}}'), "not a number with a decimal point"),
        (_add(fields='{"a":"\\ud800"}'), "not Unicode"),
        (_add(fields=json.dumps({"a": "x" * (MOST_TEXT_CHARACTERS + 1)})), "longer than"),
    ],
)
def test_a_batch_that_no_proxy_sends_is_refused(change: Callable[[RunSteps], None], reason: str) -> None:
    message = wire.steps_message(batch(1, steps(1, 1)))
    change(message)
    with pytest.raises(wire.InvalidBatch, match=reason):
        wire.batch_of(message)
