"""Withdraws advice whose own prediction is worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final, TypeAlias

from psyche_cli.operations.advise.advice import WITHIN_EPOCHS, with_advice
from psyche_cli.operations.advise.effects import Effect, Scenario
from psyche_cli.operations.advise.facts import Facts
from psyche_cli.operations.advise.simulated import Course, Pace, predicted
from psyche_cli.operations.advise.verdict import Verdict
from psyche_cli.run_config.rules import check_run

_TOLERANCE: Final = 0.8
"""The share of the present steps per hour below which a prediction is clearly worse."""
_EPOCHS: Final = 2
"""Epochs that are simulated for a comparison; further ones are like them if the members do not change."""

Scenarios: TypeAlias = Callable[[Sequence[Verdict]], Sequence[Scenario]]
"""The scenarios in which some verdicts are judged, the most likely one first."""


def without_harm(facts: Facts, verdicts: Sequence[Verdict], scenarios: Scenarios) -> list[Verdict]:
    """The verdicts without changes that make the first scenario clearly worse, each alone or all together.

    A raise that is necessary stays, and its reason says what it costs.
    """
    found, judge = list(verdicts), _Judge(facts, scenarios)
    needed = [one if _is_needed(one, verdicts) else one._replace(advised=None) for one in verdicts]
    cost, least = judge.effect(needed), None
    if cost is not None and _is_worse(cost):
        found = [_judged(one, cost) if _is_raise(one) else one for one in found]
        least = cost.after.steps_per_hour
    for index, one in enumerate(verdicts):
        alone = [other if other is one else other._replace(advised=None) for other in verdicts]
        effect = None if _is_needed(one, verdicts) else judge.effect(alone)
        if effect is not None and _is_worse(effect):
            found[index] = _judged(one, effect)
    while (effect := judge.effect(found)) is not None and _is_worse(effect, least):
        doubtful = [index for index, one in enumerate(found) if one.advised is not None and not _is_needed(one, found)]
        if not doubtful:
            break
        found[doubtful[0]] = _judged(found[doubtful[0]], effect)
    if check_run(with_advice(facts.config, found), facts.model):
        reason = "It is only valid together with advice that is withdrawn."
        return [one if one.advised is None else one.kept(f"{one.reason} {reason}") for one in found]
    return found


class _Judge:
    """Predicts the effects of changes; each configuration is simulated once."""

    def __init__(self, facts: Facts, scenarios: Scenarios) -> None:
        self._facts, self._scenarios = facts, scenarios
        self._known: dict[tuple[tuple[int, ...], Pace], Course] = {}

    def effect(self, verdicts: Sequence[Verdict]) -> Effect | None:
        """The effect of all advised values in the first scenario; None without any, or if they are not valid."""
        facts = self._facts
        after = with_advice(facts.config, verdicts)
        if after == dict(facts.config) or check_run(after, facts.model):
            return None
        for one in islice(self._scenarios(verdicts), 1):
            then = one.pace if one.after is None else one.after
            return Effect(one, self._course(facts.config, one.pace), self._course(after, then))
        return None

    def _course(self, config: Mapping[str, int], pace: Pace) -> Course:
        epochs = pace.epochs if pace.changes else _EPOCHS
        pace = pace._replace(epochs=epochs, changes=tuple(pace.changes))
        key = tuple(config.values()), pace
        if key not in self._known:
            self._known[key] = predicted(config, self._facts.model, pace)
        return self._known[key]


def _is_worse(effect: Effect, least: float | None = None) -> bool:
    """Whether a change is clearly worse than none; or than ``least`` steps per hour, the result of needed changes."""
    before, after = effect.before, effect.after
    present = before.steps_per_hour if least is None else min(before.steps_per_hour, least)
    return not before.is_stuck and (after.is_stuck or after.steps_per_hour < _TOLERANCE * present)


def _is_raise(one: Verdict) -> bool:
    """Whether it is needed although rounds may then last longer: reports are waited for rather than lost."""
    return one.key in WITHIN_EPOCHS and one.advised is not None and one.advised > one.current


def _lengthens_for_a_limit(one: Verdict, verdicts: Sequence[Verdict]) -> bool:
    return one.key == "epoch_time" and any(map(_is_raise, verdicts))


def _is_needed(one: Verdict, verdicts: Sequence[Verdict]) -> bool:
    return _is_raise(one) or _lengthens_for_a_limit(one, verdicts)


def _judged(one: Verdict, effect: Effect) -> Verdict:
    """Without the change, or with its cost if it is necessary."""
    before, after = effect.before, effect.after
    rates = f"{after.steps_per_hour:g} steps per hour instead of {before.steps_per_hour:g}"
    if _is_raise(one):
        return one._replace(
            reason=f"{one.reason} It costs time: {rates} are predicted, because late reports are then waited for."
        )
    return one.kept(f"{one.reason} {one.advised} is not advised, however: {rates} are predicted.")
