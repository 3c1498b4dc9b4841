"""The predicted effect of advice: the same members with the present configuration and with the advised one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psyche_cli.model.simulation.behavior import Behavior, Change
from psyche_cli.operations.advise.facts import Facts, Spread, median
from psyche_cli.operations.advise.simulated import Course, Pace, predicted
from psyche_cli.operations.advise.verdict import Verdict
from psyche_cli.operations.status.diagnosis.finding import counted


class Scenario(NamedTuple):
    """What the members are assumed to do, in words and for a simulation: ``after`` the change if it differs."""

    text: str
    pace: Pace
    after: Pace | None = None


class Effect(NamedTuple):
    """The course of a run in a scenario, before and after a change of its configuration."""

    scenario: Scenario
    before: Course
    after: Course


def effects(
    scenarios: Sequence[Scenario], before: Mapping[str, int], after: Mapping[str, int], model: Mapping[str, Any]
) -> list[Effect]:
    """The effect of a change in each scenario."""
    return [
        Effect(one, predicted(before, model, one.pace), predicted(after, model, one.after or one.pace))
        for one in scenarios
    ]


def observed_scenarios(facts: Facts, verdicts: Sequence[Verdict]) -> Iterator[Scenario]:
    """Scenarios with the pace of the members that the facts show; none if they show no member."""
    advised = {one.key: one.advised for one in verdicts}["init_min_clients"]
    current, extra = facts.config["init_min_clients"], facts.config["waiting_for_members_extra_time"]
    clients = _clients(facts)
    if facts.wait is not None and advised == facts.wait.joined:
        clients = advised
    if clients == 0:
        return
    last = [max(one.reports) for one in facts.rounds if one.reports]
    loaded = [max(one.reports) for one in facts.warmups if one.reports]
    warmup = median(loaded) if loaded else None
    spread = Spread.of(last) if last else None
    wait = median(one.wait_for(current, extra) for one in facts.epochs) if facts.epochs else 0
    pace = Pace(clients, Behavior(None if spread is None else spread.median, warmup), wait=wait)
    after = pace
    if advised is not None and facts.epochs:
        members = min(clients, advised) if advised < current else max(clients, advised)
        after = pace._replace(clients=members, wait=median(one.wait_for(advised, extra) for one in facts.epochs))
    shown = "the full time" if spread is None else f"{spread.median} s"
    fewer = "" if after.clients == clients else f"; then {counted(after.clients, 'member')}"
    fewer += ", with more work each" if after.clients < clients else ""
    yield Scenario(
        f"{counted(clients, 'member')}, rounds of {shown} (median){fewer}", pace, _with_shares(after, clients, facts)
    )
    if spread is not None and spread.p95 > spread.median:
        slow = Behavior(spread.p95, warmup)
        yield Scenario(
            f"{counted(clients, 'member')}, rounds of {spread.p95} s (95th percentile){fewer}",
            pace._replace(behavior=slow),
            _with_shares(after._replace(behavior=slow), clients, facts),
        )
    if clients > 1 and after.clients == clients:
        yield one_stops(pace._replace(wait=0))


def _with_shares(pace: Pace, clients: int, facts: Facts) -> Pace:
    """The pace of fewer members than ``clients``, who need longer for a round in proportion to their shares."""
    seconds, batch = pace.behavior.train_seconds, facts.config["global_batch_size_end"]
    if seconds is None or pace.clients >= clients:
        return pace
    longer = math.ceil(seconds * math.ceil(batch / pace.clients) / math.ceil(batch / clients))
    return pace._replace(behavior=Behavior(longer, pace.behavior.warmup_seconds))


def one_stops(pace: Pace) -> Scenario:
    """An epoch in which a member stops in the second round."""
    changes = (*pace.changes, Change(2, dropping=1))
    return Scenario("an epoch in which a member stops (assumed)", pace._replace(changes=changes, epochs=1))


def _clients(facts: Facts) -> int:
    """The usual number of members."""
    if facts.epochs:
        return median(one.clients for one in facts.epochs)
    return 0 if facts.wait is None else facts.wait.joined
