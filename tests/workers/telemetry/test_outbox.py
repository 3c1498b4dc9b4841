"""The proxy's queue: order, limits, what is dropped, and its file of unsent batches."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.workers.telemetry.events import MOST_IN_BATCH, Batch, Kind, Stream
from psyche_cli.workers.telemetry.lines import MOST_LINE_BYTES, MOST_TEXT_CHARACTERS
from psyche_cli.workers.telemetry.outbox import CAPACITY, Outbox
from psyche_cli.workers.telemetry.unsent import read_unsent, write_unsent
from tests.workers.telemetry.events import AT, batch, episode, event_of, step, steps


def rest(outbox: Outbox) -> list[Batch]:
    """Every batch until the end."""
    outbox.close()
    batches = []
    while (found := outbox.next_batch()) is not None:
        batches.append(found)
    return batches


def test_events_leave_in_the_order_in_which_they_came() -> None:
    outbox = Outbox("a")
    for number in range(1, 1200):
        outbox.add([(Stream.STEPS, step(number))])
    batches = rest(outbox)
    assert [len(batch.events) for batch in batches] == [MOST_IN_BATCH, MOST_IN_BATCH, 1199 - 2 * MOST_IN_BATCH]
    assert [batch.number for batch in batches] == [1, 2, 3]
    assert [event.read().number for batch in batches for event in batch.events] == list(range(1, 1200))


def test_the_oldest_events_are_dropped_and_counted() -> None:
    outbox = Outbox("a")
    outbox.add([(Stream.EPISODES, episode(1))])
    outbox.add((Stream.STEPS, step(number)) for number in range(1, CAPACITY + 11))
    batches = rest(outbox)
    numbers = [event.read().number for batch in batches[:-1] for event in batch.events]
    assert numbers == list(range(11, CAPACITY + 11))
    assert {batch.dropped for batch in batches} == {10}
    assert batches[-1].events == (episode(1),)


def test_a_batch_has_events_of_one_stream_and_a_limited_size() -> None:
    outbox = Outbox("a")
    outbox.add((Stream.STEPS, step(number, text="x" * (MOST_LINE_BYTES - 100))) for number in range(200))
    outbox.add([(Stream.EPISODES, episode(1)), (Stream.EPISODES, event_of(Kind.RUN_COMPLETED, {}))])
    batches = rest(outbox)
    assert [(batch.stream, len(batch.events)) for batch in batches] == [
        *[(Stream.STEPS, 32)] * 6, (Stream.STEPS, 8), (Stream.EPISODES, 2),
    ]  # fmt: skip


def test_losses_after_the_last_event_are_reported_in_a_batch_without_events() -> None:
    outbox = Outbox("a")
    outbox.add([(Stream.STEPS, step(1))])
    sent = outbox.next_batch()
    outbox.add_malformed()
    assert sent is not None
    outbox.discard(sent)
    assert rest(outbox) == [Batch("a", 2, 1, 1, Stream.STEPS, ())]
    assert rest(Outbox("b")) == []


TEXTS = st.text(st.characters(codec="utf-8"), max_size=MOST_TEXT_CHARACTERS)


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("abc"), TEXTS), st.floats(allow_nan=False,
       allow_infinity=False)), max_size=20))  # fmt: skip
def test_unsent_batches_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, contents: list[tuple[dict[str, str], float]]
) -> None:
    path = tmp_path_factory.mktemp("unsent") / "w.unsent"
    events = tuple(step(3, x=value, **texts) for texts, value in contents)
    episodes = batch(2, (episode(4, x="y"),), stream=Stream.EPISODES)
    batches = [batch(1, events, dropped=2, malformed=1), episodes, batch(3, ())]
    assert write_unsent(path, batches) == len(contents) + 1
    assert list(read_unsent(path)) == batches
    assert [file.name for file in path.parent.iterdir()] == ["w.unsent"]


DOCUMENT: dict[str, object] = {
    "source": "b",
    "number": 2,
    "dropped": 0,
    "malformed": 0,
    "stream": "steps",
    "times": [AT],
    "lines": ['{"type":"step","step":1}'],
}

CHANGES: list[dict[str, object]] = [
    {"source": 3},
    {"number": -1},
    {"number": 1 << 63},
    {"dropped": 1.5},
    {"malformed": True},
    {"stream": "logs"},
    {"times": {}},
    {"times": []},
    {"times": [1.5]},
    {"times": [-1]},
    {"lines": {}},
    {"lines": [3]},
    {"lines": ["text"]},
    {"lines": ['{"type":"episode","episode":1}']},
    {"lines": ['{"type":"step","step":-1}']},
    {"lines": ['{"type":"step",\n"step":1}']},
    {"lines": ['{"type":"step","step":1,"x":"\ud800"}']},
    {"times": [AT] * (MOST_IN_BATCH + 1), "lines": ['{"type":"step","step":1}'] * (MOST_IN_BATCH + 1)},
]


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b"3",
        b"{}",
        *(json.dumps({**DOCUMENT, **change}).encode() for change in CHANGES),
    ],
)
def test_a_line_that_no_proxy_writes_ends_the_file(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "w.unsent"
    good = batch(1, steps(1, 2))
    write_unsent(path, [good])
    path.write_bytes(path.read_bytes() + line + b"\n" + path.read_bytes())
    assert list(read_unsent(path)) == [good]


def test_a_named_pipe_in_place_of_the_file_is_not_read(tmp_path: Path) -> None:
    write_unsent(tmp_path / "file", [batch(1, steps(1, 2))])
    os.mkfifo(tmp_path / "w.unsent")
    pipe = os.open(tmp_path / "w.unsent", os.O_RDWR)
    try:
        os.write(pipe, (tmp_path / "file").read_bytes() + b"{}\n")
        assert list(read_unsent(tmp_path / "w.unsent")) == []
    finally:
        os.close(pipe)
