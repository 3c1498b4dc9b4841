"""Listeners: replay, following, credits, and what a slow listener loses."""

from __future__ import annotations

import random
from functools import cache

import pytest

from psyche_cli.workers.service.contract import MOST_MESSAGE_BYTES
from psyche_cli.workers.telemetry import rings as rings_module
from psyche_cli.workers.telemetry.events import Delivery, Stored, Stream
from psyche_cli.workers.telemetry.rings import (
    FIRST_CREDITS,
    KEPT,
    MOST_BEHIND,
    MOST_CHARACTERS,
    MOST_CREDITS,
    QUEUE,
    Listener,
    Rings,
)
from psyche_cli.workers.telemetry.wire import delivery_message
from tests.support.counts import Loads
from tests.workers.telemetry.events import AT, step


@cache
def stored_step(seq: int) -> Stored:
    return Stored(seq, "w", *step(seq))


class Archive:
    """Everything that was stored, in memory; counts the reads of events."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, Stream], list[Stored]] = {}
        self.reads = 0

    def last_seq(self, run: str, stream: Stream) -> int:
        return len(self.stored.get((run, stream), []))

    def events(self, run: str, stream: Stream, since_seq: int, limit: int) -> list[Stored]:
        self.reads += 1
        return self.stored.get((run, stream), [])[since_seq : since_seq + limit]

    def store(self, run: str, stream: Stream, count: int) -> list[Stored]:
        events = self.stored.setdefault((run, stream), [])
        new = [stored_step(seq) for seq in range(len(events) + 1, len(events) + 1 + count)]
        events += new
        return new


class Daemon:
    """Rings over an archive, to which events are added as the daemon adds them."""

    def __init__(self) -> None:
        self.archive = Archive()
        self.rings = Rings(self.archive)
        self.woken = 0

    def add(self, count: int, run: str = "run") -> None:
        self.rings.push(run, Stream.STEPS, self.archive.store(run, Stream.STEPS, count))

    def listen(self, since_seq: int = 0, run: str = "run") -> Listener:
        return self.rings.listen(run, Stream.STEPS, since_seq, self._wake)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


def seqs(delivery: Delivery) -> list[int]:
    assert delivery.lost == 0
    return [stored.seq for stored in delivery.events]


def drain(listener: Listener) -> list[int]:
    found: list[int] = []
    while listener.is_ready:
        found += seqs(listener.take())
        listener.grant(MOST_CREDITS)
    return found


def test_a_listener_follows_what_comes(daemon: Daemon) -> None:
    listener = daemon.listen()
    assert seqs(listener.take()) == []
    before = listener.is_ready
    daemon.add(3)
    assert (before, listener.is_ready, daemon.woken) == (False, True, 1)
    assert seqs(listener.take(2)) == [1, 2]
    assert seqs(listener.take()) == [3]
    assert not listener.is_ready


@pytest.mark.parametrize(("since_seq", "reads"), [(0, True), (904, False), (903, True), (4999, False), (5000, False)])
def test_replay_reads_the_database_only_beyond_the_ring(daemon: Daemon, since_seq: int, reads: bool) -> None:
    daemon.add(5000)
    listener = daemon.listen(since_seq)
    assert drain(listener) == list(range(since_seq + 1, 5001))
    assert (daemon.archive.reads > 0) is reads
    daemon.add(2)
    assert drain(listener) == [5001, 5002]


def test_a_listener_that_is_ahead_of_the_run_receives_only_what_is_after_its_number(daemon: Daemon) -> None:
    daemon.add(3)
    listener = daemon.listen(5)
    assert drain(listener) == []
    daemon.add(4)
    assert drain(listener) == [6, 7]


def test_events_that_the_database_has_before_the_ring_are_delivered_once(daemon: Daemon) -> None:
    stored = daemon.archive.store("run", Stream.STEPS, 5)
    listener = daemon.listen()
    assert drain(listener) == [1, 2, 3, 4, 5]
    daemon.rings.push("run", Stream.STEPS, stored)
    daemon.add(1)
    assert drain(listener) == [6]


def test_a_credit_is_spent_per_event(daemon: Daemon) -> None:
    daemon.add(1000)
    listener = daemon.listen()
    assert len(seqs(listener.take())) == FIRST_CREDITS == 200
    assert not listener.is_ready
    assert seqs(listener.take()) == []
    listener.grant(50)
    assert seqs(listener.take()) == list(range(201, 251))
    listener.grant(10_000)
    listener.grant(-10_000)
    assert listener.credits == MOST_CREDITS == 400
    assert seqs(listener.take()) == list(range(251, 651))


def test_a_listener_that_reads_loses_nothing_however_much_comes_at_once(daemon: Daemon) -> None:
    listener = daemon.listen()
    received = seqs(listener.take())
    for count in (1, 4096, 16 * 512, MOST_BEHIND, 5):
        daemon.add(count)
        received += drain(listener)
    assert received == list(range(1, 1 + 1 + 4096 + 16 * 512 + MOST_BEHIND + 5))
    assert listener.lost == 0


def test_a_listener_that_stops_reading_loses_all_but_the_latest_of_its_own_events(daemon: Daemon) -> None:
    stopped, reading = daemon.listen(), daemon.listen()
    assert seqs(stopped.take()) == seqs(reading.take()) == []
    received = []
    for _ in range(70):
        daemon.add(1000)
        received += drain(reading)
    assert received == list(range(1, 70_001))
    assert reading.lost == 0
    events, lost = stopped.take(10)
    assert ([stored.seq for stored in events], lost) == (list(range(70_001 - QUEUE, 70_011 - QUEUE)), 70_000 - QUEUE)
    assert stopped.lost == lost == 67_952
    assert stopped.take(1).lost == 0
    assert drain(stopped) == list(range(70_012 - QUEUE, 70_001))


@pytest.mark.parametrize(("more", "lost"), [(0, 0), (1, MOST_BEHIND + 1 - QUEUE)])
def test_a_limited_number_of_events_waits(daemon: Daemon, more: int, lost: int) -> None:
    listener = daemon.listen()
    listener.take()
    daemon.add(MOST_BEHIND + more)
    events, told = listener.take(1)
    assert (events[0].seq, told) == (lost + 1, lost)


def test_a_replay_loses_nothing_however_long_it_takes(daemon: Daemon) -> None:
    daemon.add(10_000)
    listener = daemon.listen()
    received = seqs(listener.take())
    daemon.add(2 * MOST_BEHIND)
    listener.grant(400)
    received += drain(listener)
    assert received == list(range(1, 10_001 + 2 * MOST_BEHIND))


def test_a_listener_without_credits_is_told_its_losses_with_the_next_event(daemon: Daemon) -> None:
    listener = daemon.listen()
    listener.take()
    daemon.add(200)
    listener.take()
    daemon.add(MOST_BEHIND + 1)
    assert listener.take() == Delivery([], 0)
    listener.grant(1)
    assert listener.take().lost == MOST_BEHIND + 1 - QUEUE


def test_memory_is_bounded_by_numbers_and_by_characters(daemon: Daemon) -> None:
    for _ in range(20):
        daemon.add(1000)
    ring = daemon.rings._rings["run", Stream.STEPS]
    assert len(ring) == KEPT[Stream.STEPS] == 4096
    long = [Stored(seq, "w", *step(seq, text="x" * 16_000)) for seq in range(20_001, 24_001)]
    daemon.rings.push("run", Stream.STEPS, long)
    assert len(ring) == MOST_CHARACTERS // len(long[0].line) == 261
    daemon.rings.push("run", Stream.EPISODES, daemon.archive.store("run", Stream.EPISODES, 2000))
    assert len(daemon.rings._rings["run", Stream.EPISODES]) == KEPT[Stream.EPISODES] == 1024


def test_a_delivery_fits_into_a_message(daemon: Daemon) -> None:
    listener = daemon.listen()
    listener.take()
    line = '{"type":"step","step":1,"text":"' + "\U0001f600" * 4000 + '"}'
    found = daemon.archive.stored["run", Stream.STEPS] = [Stored(seq, "w", AT, line) for seq in range(1, 301)]
    daemon.rings.push("run", Stream.STEPS, found)
    received = []
    while listener.is_ready:
        delivery = listener.take()
        assert delivery_message(delivery).ByteSize() <= MOST_MESSAGE_BYTES
        received += delivery.events
        listener.grant(400)
    assert received == found


def test_a_closed_listener_receives_nothing(daemon: Daemon) -> None:
    listener = daemon.listen()
    listener.take()
    daemon.add(1)
    listener.close()
    woken = daemon.woken
    daemon.add(1)
    assert (listener.take(), listener.is_ready, daemon.woken) == (Delivery([], 0), False, woken)
    unread = daemon.listen()
    unread.close()
    assert unread.take() == Delivery([], 0)


def test_only_the_rings_used_last_are_kept_beside_those_with_listeners(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings_module, "MOST_RINGS", 3)
    listener = daemon.listen(run="r0")
    listener.take()
    for number in range(1, 6):
        daemon.add(5, f"r{number}")
    daemon.add(1, "r0")
    assert drain(listener) == [1]
    assert drain(daemon.listen(run="r5")) == [1, 2, 3, 4, 5]
    assert daemon.archive.reads == 1
    assert drain(daemon.listen(run="r1")) == [1, 2, 3, 4, 5]
    assert daemon.archive.reads > 1


def test_events_that_were_deleted_are_not_waited_for(daemon: Daemon) -> None:
    daemon.add(5000)
    daemon.archive.stored.clear()
    assert drain(daemon.listen()) == list(range(905, 5001))


def test_a_deleted_run_is_forgotten(daemon: Daemon) -> None:
    daemon.add(5)
    waiting = daemon.listen(2)
    daemon.archive.stored.clear()
    daemon.rings.forget("run")
    assert drain(daemon.listen()) == drain(waiting) == []


def test_random_listeners_receive_every_event_once_or_count_it_as_lost(loads: Loads) -> None:
    for seed in range(loads.of(usual=10, ci=40, full=80)):
        check_random_listeners(Daemon(), random.Random(seed))


def check_random_listeners(daemon: Daemon, chance: random.Random) -> None:
    first = chance.choice([0, 10, 5000])
    if first:
        daemon.add(first)
    listeners: dict[Listener, int] = {}
    last = {}
    for _ in range(60):
        action = chance.randrange(4)
        if action == 0:
            since = chance.randrange(daemon.archive.last_seq("run", Stream.STEPS) + 1)
            opened = daemon.listen(since)
            listeners[opened] = last[opened] = since
        elif action == 1:
            daemon.add(chance.choice([1, 50, 1500, MOST_BEHIND // 4]))
        elif listeners:
            listener = chance.choice(list(listeners))
            events, lost = listener.take(chance.choice([1, 100, 400]))
            if events:
                assert [stored.seq for stored in events] == list(
                    range(last[listener] + lost + 1, last[listener] + lost + 1 + len(events))
                )
                last[listener] = events[-1].seq
            listener.grant(chance.randrange(300))
    for listener in listeners:
        while listener.is_ready or listener.credits == 0:
            listener.grant(400)
            events, lost = listener.take()
            last[listener] += lost + len(events)
        assert last[listener] == daemon.archive.last_seq("run", Stream.STEPS)
