"""State machines as data, and the questions that can be answered from it.

A machine consists of states, conditions and transitions. A condition is a fact that holds or does not hold; a
transition is possible in its state if all conditions that it requires hold, and none that it excludes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


@dataclass(frozen=True)
class State:
    """A state: its ``name`` in the source, its ``meaning``, and ``advice`` for a user who asks.

    ``number`` is its value in the source, if it has one. ``is_end`` is True if no transition leads out of it that
    would continue the work.
    """

    name: str
    meaning: str
    advice: str
    number: int | None = None
    is_end: bool = False


@dataclass(frozen=True)
class Condition:
    """A fact on which transitions depend. ``meaning`` is a clause that says when it holds."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Transition:
    """A transition between two states.

    ``source`` is None for the creation, and ``target`` is None for the removal. If both are the same state, the state
    does not change but something else does. ``trigger`` is what causes it, and ``actors`` are those who can.
    ``requires`` and ``excludes`` are names of conditions. ``effect`` says what else happens, as complete sentences;
    ``origin`` names the place in the source. ``note`` restricts it, for example if it cannot occur in practice.
    """

    source: str | None
    target: str | None
    trigger: str
    actors: tuple[str, ...]
    origin: str
    requires: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    effect: str = ""
    note: str = ""


@dataclass(frozen=True)
class Machine:
    """A state machine. ``about`` says what has these states, and ``differs`` how a variant differs from another."""

    name: str
    title: str
    about: str
    states: tuple[State, ...]
    conditions: tuple[Condition, ...]
    transitions: tuple[Transition, ...]
    differs: str = ""

    @cached_property
    def states_by_name(self) -> dict[str, State]:
        """The states by name."""
        return {state.name: state for state in self.states}

    @cached_property
    def conditions_by_name(self) -> dict[str, Condition]:
        """The conditions by name."""
        return {condition.name: condition for condition in self.conditions}

    def leaving(self, state: str) -> tuple[Transition, ...]:
        """The transitions out of a state, in the order in which they are declared."""
        return tuple(transition for transition in self.transitions if transition.source == state)

    def entering(self, state: str) -> tuple[Transition, ...]:
        """The transitions from other states into a state, in the order in which they are declared."""
        return tuple(one for one in self.transitions if one.target == state and one.source != state)

    def allows(self, source: str | None, target: str | None) -> bool:
        """Whether any transition leads directly from ``source`` to ``target``."""
        return any((one.source, one.target) == (source, target) for one in self.transitions)


class Possibility(Enum):
    """Whether a transition can happen, as far as is known."""

    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"
    DEPENDS = "depends"


@dataclass(frozen=True)
class Outlook:
    """A transition and whether it can happen. ``missing`` are the conditions that must still become known to hold, and
    ``obstacles`` those that contradict it; an excluded condition has the prefix ``not-``."""

    transition: Transition
    possibility: Possibility
    missing: tuple[str, ...]
    obstacles: tuple[str, ...]


NEGATION = "not-"
"""The prefix of a condition that does not hold."""


def outlooks(machine: Machine, state: str, given: Collection[str] = ()) -> list[Outlook]:
    """Every transition out of a state, and whether it can happen.

    ``given`` are names of conditions that hold, or with the prefix ``not-`` do not hold. All other conditions are
    unknown.
    """
    return [_outlook(transition, frozenset(given)) for transition in machine.leaving(state)]


def reachable(machine: Machine, state: str, given: Collection[str] = ()) -> frozenset[str]:
    """The states that can be reached from a state by one or more transitions while ``given`` remains true."""
    found: set[str] = set()
    open_states = [state]
    while open_states:
        for outlook in outlooks(machine, open_states.pop(), given):
            target = outlook.transition.target
            if target is not None and target not in found and outlook.possibility is not Possibility.IMPOSSIBLE:
                found.add(target)
                open_states.append(target)
    return frozenset(found)


def _outlook(transition: Transition, given: frozenset[str]) -> Outlook:
    needed = (*transition.requires, *(NEGATION + name for name in transition.excludes))
    obstacles = tuple(fact for fact in needed if negated(fact) in given)
    missing = tuple(fact for fact in needed if fact not in given and fact not in obstacles)
    if obstacles:
        return Outlook(transition, Possibility.IMPOSSIBLE, missing, obstacles)
    return Outlook(transition, Possibility.DEPENDS if missing else Possibility.POSSIBLE, missing, ())


def negated(fact: str) -> str:
    """The opposite of a fact, with or without the prefix ``not-``."""
    return fact.removeprefix(NEGATION) if fact.startswith(NEGATION) else NEGATION + fact
