"""Find machines, states and conditions by the names that users type."""

from __future__ import annotations

from collections.abc import Iterable

from psyche_cli.errors import UsageError
from psyche_cli.lifecycle.machine import NEGATION, Machine, State
from psyche_cli.lifecycle.machines import MACHINES


def find_machine(name: str) -> Machine:
    """A machine by name, ignoring case. Raises UsageError."""
    found = MACHINES.get(name.lower())
    if found is None:
        raise UsageError(
            f"State machine {name!r} does not exist.", hint=f"Use one of {', '.join(MACHINES)}.", name=name
        )
    return found


def find_state(machine: Machine, name: str) -> State:
    """A state by its name or number, ignoring case, spaces, hyphens and underscores. Raises UsageError."""
    wanted = _plain(name)
    for state in machine.states:
        if wanted in (_plain(state.name), str(state.number)):
            return state
    names = ", ".join(state.name for state in machine.states)
    raise UsageError(f"{machine.name} has no state {name!r}.", hint=f"Use one of {names}.", name=name)


def check_facts(machine: Machine, facts: Iterable[str]) -> tuple[str, ...]:
    """The conditions as given, without repetitions.

    Raises UsageError for an unknown condition, and for one that is said to hold and not to hold.
    """
    given = tuple(dict.fromkeys(facts))
    known = machine.conditions_by_name
    for fact in given:
        name = fact.removeprefix(NEGATION)
        if name not in known:
            raise UsageError(
                f"{machine.name} has no condition {name!r}.",
                hint=f"Use any of {', '.join(known)}, with the prefix {NEGATION} for one that does not hold.",
                name=name,
            )
        if fact != name and name in given:
            raise UsageError(f"Condition {name} cannot both hold and not hold.", name=name)
    return given


def _plain(name: str) -> str:
    return name.lower().translate(dict.fromkeys(map(ord, " -_")))
