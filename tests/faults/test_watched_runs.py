"""A stream of a run's states under random faults: none is lost, none is repeated, and all are in order.

Half of the runs have a treasurer: their deposits and claims are part of the states.

The seed is printed in the header of every test run; ``--random-seed`` repeats the same runs.
"""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from psyche_cli.operations.status.event_payloads import Claimed, Funded, Rewarded, RunEvent
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.replay import money_of
from psyche_cli.operations.status.run_events import events_between
from psyche_cli.operations.status.stream import RunStream, StreamNotice
from tests.support.counts import Loads
from tests.support.run_history import RunMoment

from .watched_run import SECONDS, WatchedRun

CHUNKS = 10
RUNS, MANY = 2, 100
"""Runs per chunk: usually, and in the first three chunks with ``--loads ci``, or in all with ``--full``, which makes
1,000."""

_SETTLED_SECONDS = 200.0


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_state_is_lost_or_repeated(random_seed: int, loads: Loads, chunk: int) -> None:
    wrong = []
    faults: Counter[str] = Counter()
    states = 0
    events: Counter[str] = Counter()
    runs = MANY if chunk < loads.of(usual=0, ci=3, full=CHUNKS) else RUNS
    for number in range(runs):
        seed = f"{random_seed}:{chunk}:{number}"
        watched = WatchedRun(seed)
        observations, notices = watch(watched)
        wrong += [f"{seed}: {fault}" for fault in judge(watched, observations, notices)]
        faults.update(watched.line.counts)
        events.update(event.event for event in events_of(observations))
        states += len(watched.history.moments)
    assert not wrong, f"{len(wrong)} runs:\n" + "\n".join(wrong[:5])
    assert states > runs
    if runs == MANY:
        assert min(faults.values()) > 0, faults
        assert {"funded", "claimed", "rewarded", "rates"} <= {*events}, events


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


def events_of(observations: list[Observation]) -> list[RunEvent]:
    return [event for pair in itertools.pairwise(observations) for event in events_between(*pair)]


def short(moment: RunMoment) -> str:
    """What tells the moments of a run apart, for a failed test."""
    state, money = moment
    vault = f"/{money[-1]}" if money else ""
    return f"{state.nonce}{state.client_version[0]}{vault}"


def judge(watched: WatchedRun, observations: list[Observation], notices: list[StreamNotice]) -> list[str]:
    """What is wrong, one sentence each."""
    seen = [RunMoment(one.state, money_of(one.run.treasury)) for one in observations]
    # The run may already change while the stream reads it for the first time.
    expected = [watched.history.first, *watched.history.moments][-len(seen) :]
    kinds = [notice.kind for notice in notices]
    wrong = []
    if seen != expected:
        texts = [" ".join(map(short, moments)) for moments in (seen, expected)]
        wrong.append(f"seen {texts[0]}, expected {texts[1]}, notices {kinds}")
    if {"gap", "rolled_back"} & {*kinds}:
        wrong.append(f"notices {kinds}")
    if ("closed" in kinds) != watched.history.is_closed:
        wrong.append(f"closed {watched.history.is_closed}, but notices {kinds}")
    return wrong + judge_money(observations)


def judge_money(observations: list[Observation]) -> list[str]:
    """What is wrong with the events about money: their amounts must add up to the difference of the balances."""
    first, last = observations[0].run.treasury, observations[-1].run.treasury
    if first is None or last is None:
        return []
    events = events_of(observations)
    totals = {
        kind: sum(int(event.amount.base_units) for event in events if isinstance(event, kind))
        for kind in (Funded, Claimed, Rewarded)
    }
    paid = last.run.total_claimed_collateral_amount - first.run.total_claimed_collateral_amount
    earned = earned_points(observations[-1]) - earned_points(observations[0])
    expected = {Funded: last.vault_amount - first.vault_amount + paid, Claimed: paid, Rewarded: earned}
    return [] if totals == expected else [f"amounts {totals}, expected {expected}"]


def earned_points(observation: Observation) -> int:
    return sum(client.earned for client in observation.state.clients)
