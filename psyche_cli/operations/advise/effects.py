"""The predicted effect of advice: the same members with the present configuration and with the advised one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psyche_cli.model.simulation.behavior import Behavior, Change
from psyche_cli.operations.advise.facts import Facts, Spread, median
from psyche_cli.operations.advise.simulated import Course, Pace, predicted
from psyche_cli.operations.status.diagnosis.finding import counted


class Scenario(NamedTuple):
    """What the members are assumed to do, in words and for a simulation."""

    text: str
    pace: Pace


class Effect(NamedTuple):
    """The course of a run in a scenario, before and after a change of its configuration."""

    scenario: Scenario
    before: Course
    after: Course


def effects(
    scenarios: Sequence[Scenario], before: Mapping[str, int], after: Mapping[str, int], model: Mapping[str, Any]
) -> list[Effect]:
    """The effect of a change in each scenario."""
    return [Effect(one, *(predicted(config, model, one.pace) for config in (before, after))) for one in scenarios]


def observed_scenarios(facts: Facts) -> Iterator[Scenario]:
    """Scenarios with the pace of the members that the facts show; none if they show no member."""
    clients = _clients(facts)
    if clients == 0:
        return
    last = [max(one.reports) for one in facts.rounds if one.reports]
    loaded = [max(one.reports) for one in facts.warmups if one.reports]
    warmup = median(loaded) if loaded else None
    spread = Spread.of(last) if last else None
    pace = Behavior(None if spread is None else spread.median, warmup)
    shown = "the full time" if spread is None else f"{spread.median} s"
    members = counted(clients, "member")
    yield Scenario(f"{members}, rounds of {shown} (median)", Pace(clients, pace))
    if spread is not None and spread.p95 > spread.median:
        slow = Behavior(spread.p95, warmup)
        yield Scenario(f"{members}, rounds of {spread.p95} s (95th percentile)", Pace(clients, slow))
    if clients > 1:
        yield one_stops(Pace(clients, pace))


def one_stops(pace: Pace) -> Scenario:
    """An epoch in which a member stops in the second round."""
    changes = (*pace.changes, Change(2, dropping=1))
    return Scenario("an epoch in which a member stops (assumed)", pace._replace(changes=changes, epochs=1))


def _clients(facts: Facts) -> int:
    """The usual number of members."""
    if facts.epochs:
        return median(one.clients for one in facts.epochs)
    return 0 if facts.wait is None else facts.wait.joined
