"""State machines as text for the width of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from psyche_cli.lifecycle.diagrams import CREATED, REMOVED
from psyche_cli.lifecycle.machine import NEGATION, Machine, Outlook, Transition

_INDENT = "    "
_MARK = "> "
_ARTICLES = {"anyone": "anyone", "member": "a member"}


def machine_lines(machine: Machine, width: int, highlighted: str | None = None) -> list[str]:
    """The states, transitions and conditions of a machine; the state ``highlighted`` is marked."""
    about = [machine.about, *([machine.differs] if machine.differs else [])]
    return [
        f"{machine.title}: {len(machine.states)} states, {len(machine.transitions)} transitions.",
        *(line for text in about for line in textwrap.wrap(text, width)),
        "",
        *_state_lines(machine, width, highlighted),
        "",
        "Transitions:",
        *transition_lines(machine.transitions, width),
        "",
        *_condition_lines(machine, width),
    ]


def _state_lines(machine: Machine, width: int, highlighted: str | None) -> list[str]:
    rows = [
        (f"{_MARK if state.name == highlighted else '  '}{_number(state.number)}{state.name}", state.meaning)
        for state in machine.states
    ]
    return ["States:", *_columns(rows, width)]


def _condition_lines(machine: Machine, width: int) -> list[str]:
    rows = [(f"  {condition.name}", condition.meaning) for condition in machine.conditions]
    return ["Conditions:", *_columns(rows, width)]


def transition_lines(transitions: Sequence[Transition], width: int) -> list[str]:
    """The transitions, each with its trigger, conditions and effect below it."""
    lines: list[str] = []
    for one in transitions:
        lines.append(f"  {_ends(one)}")
        lines += _wrapped(_cause(one), width)
        for text in (one.effect, one.note):
            if text:
                lines += _wrapped(text, width)
    return lines


def outlook_lines(machine: Machine, found: Iterable[Outlook], width: int) -> list[str]:
    """The transitions with what is known about each: possible, impossible because of what, or what it depends on."""
    lines: list[str] = []
    for one in found:
        lines.append(f"  {_ends(one.transition)}: {one.possibility.value}")
        lines += _wrapped(f"{one.transition.trigger}, by {_either(one.transition.actors)}", width)
        for title, facts in (("contradicts", one.obstacles), ("also requires", one.missing)):
            for fact in facts:
                lines += _wrapped(f"{title}: {fact} ({_meaning(machine, fact)})", width)
    return lines


def _ends(one: Transition) -> str:
    source, target = one.source or CREATED, one.target or REMOVED
    return source if source == target else f"{source} -> {target}"


def _cause(one: Transition) -> str:
    conditions = [*one.requires, *(NEGATION + name for name in one.excludes)]
    cause = f"{one.trigger}, by {_either(one.actors)}"
    return f"{cause}, if {', '.join(conditions)}" if conditions else cause


def _either(actors: Sequence[str]) -> str:
    return " or ".join(_ARTICLES.get(actor, f"the {actor}") for actor in actors)


def _meaning(machine: Machine, fact: str) -> str:
    name = fact.removeprefix(NEGATION)
    meaning = machine.conditions_by_name[name].meaning
    return meaning if fact == name else f"false: {meaning}"


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:>2} "


def _columns(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    """Two columns, the second one wrapped."""
    first = max(len(label) for label, _ in rows) + 2
    for label, text in rows:
        parts = textwrap.wrap(text, max(width - first, 20))
        for number, part in enumerate(parts):
            yield f"{label if number == 0 else '':{first}}{part}"


def _wrapped(text: str, width: int) -> list[str]:
    # The names of conditions contain hyphens.
    return textwrap.wrap(
        text,
        width,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
