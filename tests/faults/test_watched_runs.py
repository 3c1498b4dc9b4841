"""A stream of a run's states under random faults: none is lost, none is repeated, and all are in order.

The seed is printed in the header of every test run; ``--random-seed`` repeats the same runs.
"""

from __future__ import annotations

from collections import Counter

import pytest

from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.stream import RunStream, StreamNotice

from .watched_run import SECONDS, WatchedRun

CHUNKS = 10
RUNS = 3
"""Runs per chunk; 100 with ``--full``."""

_SETTLED_SECONDS = 200.0


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_state_is_lost_or_repeated(random_seed: int, full: bool, chunk: int) -> None:
    wrong = []
    faults: Counter[str] = Counter()
    states = 0
    for number in range(100 if full else RUNS):
        seed = f"{random_seed}:{chunk}:{number}"
        watched = WatchedRun(seed)
        observations, notices = watch(watched)
        wrong += [f"{seed}: {fault}" for fault in judge(watched, observations, notices)]
        faults.update(watched.line.counts)
        states += len(watched.history.states)
    assert not wrong, f"{len(wrong)} runs:\n" + "\n".join(wrong[:5])
    assert states > 5 * RUNS
    if full:
        assert min(faults.values()) > 0, faults


def watch(watched: WatchedRun) -> tuple[list[Observation], list[StreamNotice]]:
    """Everything that the stream reports, beginning with the first observation. At times, its reader is slow."""
    found = []
    with RunStream(watched.session, "watched") as stream:
        while watched.clock.now < SECONDS and not stream.ended:
            if watched.chance.random() < 0.1:
                watched.clock.sleep(watched.chance.choice((1.0, 20.0)))
            found.append(stream.next(watched.chance.choice((0.0, 0.5, 1.0, 30.0))))
        watched.settle()
        end = watched.clock.now + _SETTLED_SECONDS
        while watched.clock.now < end and not stream.ended:
            found.append(stream.next(end - watched.clock.now))
        while (item := stream.next(0.0)) is not None:
            found.append(item)
    observations = [item for item in found if isinstance(item, Observation)]
    return observations, [item for item in found if isinstance(item, StreamNotice)]


def judge(watched: WatchedRun, observations: list[Observation], notices: list[StreamNotice]) -> list[str]:
    """What is wrong, one sentence each."""
    seen = [one.state for one in observations]
    # The run may already change while the stream reads it for the first time.
    expected = [watched.history.first, *watched.history.states][-len(seen) :]
    kinds = [notice.kind for notice in notices]
    wrong = []
    if seen != expected:
        texts = [" ".join(f"{one.nonce}{one.client_version[0]}" for one in states) for states in (seen, expected)]
        wrong.append(f"seen {texts[0]}, expected {texts[1]}, notices {kinds}")
    if {"gap", "rolled_back"} & {*kinds}:
        wrong.append(f"notices {kinds}")
    if ("closed" in kinds) != watched.history.is_closed:
        wrong.append(f"closed {watched.history.is_closed}, but notices {kinds}")
    return wrong
