"""List, show and explain state machines."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from psyche_cli.lifecycle.diagrams import dot, mermaid
from psyche_cli.lifecycle.machine import Machine, Outlook, Possibility, State, Transition, outlooks
from psyche_cli.lifecycle.machines import MACHINES
from psyche_cli.lifecycle.pictures import svg
from psyche_cli.operations.lifecycle.find import check_facts, find_machine, find_state
from psyche_cli.operations.lifecycle.payloads import (
    ConditionData,
    ExplainedState,
    MachineData,
    MachineListData,
    MachineSummary,
    NextData,
    NextTransition,
    StateData,
    TransitionData,
)
from psyche_cli.operations.lifecycle.text import machine_lines, outlook_lines, transition_lines
from psyche_cli.results import OperationResult, PlainText


class Format(str, Enum):
    """Formats of a shown machine."""

    TABLE = "table"
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


_DIAGRAMS = {Format.MERMAID: mermaid, Format.DOT: dot, Format.SVG: svg}


def list_machines() -> OperationResult[MachineListData]:
    """All machines."""
    found = tuple(
        MachineSummary(one.name, one.title, one.about, len(one.states), len(one.transitions))
        for one in MACHINES.values()
    )
    return OperationResult(
        summary=f"{len(found)} state machines.",
        data=MachineListData(found),
        details=tuple(
            (one.machine, f"{one.about} {one.states} states, {one.transitions} transitions.") for one in found
        ),
        next_steps=(f"psyche-cli lifecycle show {found[0].machine}",),
    )


def show_machine(
    name: str, *, width: int, shape: Format = Format.TABLE, highlighted: str | None = None
) -> PlainText[MachineData]:
    """A machine as tables for ``width`` columns, or as a diagram, with the state ``highlighted`` highlighted.

    Raises UsageError.
    """
    machine = find_machine(name)
    state = None if highlighted is None else find_state(machine, highlighted).name
    draw = _DIAGRAMS.get(shape)
    diagram = None if draw is None else draw(machine, state)
    text = "\n".join(machine_lines(machine, width, state)) if diagram is None else diagram
    return PlainText(text, _machine_data(machine, diagram))


def explain_state(machine_name: str, state_name: str) -> OperationResult[ExplainedState]:
    """What a state means, the advice for users, how it is reached and what ends it. Raises UsageError."""
    machine = find_machine(machine_name)
    state = find_state(machine, state_name)
    entering, leaving = machine.entering(state.name), machine.leaving(state.name)

    def body(width: int, _utf8: bool) -> Sequence[str]:
        lines = ["Reached by:", *transition_lines(entering, width)] if entering else []
        lines += ["", "What can happen:", *transition_lines(leaving, width)] if leaving else []
        return lines

    number = "" if state.number is None else f" (state {state.number})"
    return OperationResult(
        summary=f"{machine.title}: {state.name}{number}",
        data=ExplainedState(
            machine=machine.name,
            state=state_data(state),
            entered_by=tuple(map(_transition_data, entering)),
            left_by=tuple(map(_transition_data, leaving)),
        ),
        details=(("meaning", state.meaning), ("advice", state.advice)),
        body=body,
    )


def next_states(machine_name: str, state_name: str, given: Sequence[str]) -> OperationResult[NextData]:
    """Which transitions are possible in a state under the ``given`` conditions. Raises UsageError."""
    machine = find_machine(machine_name)
    state = find_state(machine, state_name)
    facts = check_facts(machine, given)
    found = outlooks(machine, state.name, facts)
    counts = {kind: sum(one.possibility is kind for one in found) for kind in Possibility}

    def body(width: int, _utf8: bool) -> Sequence[str]:
        return outlook_lines(machine, found, width)

    return OperationResult(
        summary=f"{state.name}: {counts[Possibility.POSSIBLE]} of {len(found)} transitions are possible, and "
        f"{counts[Possibility.DEPENDS]} depend on conditions that are not known.",
        data=NextData(
            machine=machine.name, state=state.name, given=facts, transitions=tuple(map(_next_transition, found))
        ),
        body=body if found else None,
    )


def _machine_data(machine: Machine, diagram: str | None) -> MachineData:
    return MachineData(
        machine=machine.name,
        title=machine.title,
        about=machine.about,
        differs=machine.differs,
        states=tuple(map(state_data, machine.states)),
        conditions=tuple(ConditionData(one.name, one.meaning) for one in machine.conditions),
        transitions=tuple(map(_transition_data, machine.transitions)),
        diagram=diagram,
    )


def state_data(state: State) -> StateData:
    """A state as a JSON payload."""
    return StateData(
        state=state.name, number=state.number, meaning=state.meaning, advice=state.advice, is_end=state.is_end
    )


def _transition_data(one: Transition) -> TransitionData:
    return TransitionData(
        source=one.source,
        target=one.target,
        trigger=one.trigger,
        actors=one.actors,
        requires=one.requires,
        excludes=one.excludes,
        effect=one.effect,
        origin=one.origin,
        note=one.note,
    )


def _next_transition(one: Outlook) -> NextTransition:
    return NextTransition(
        transition=_transition_data(one.transition),
        possibility=one.possibility.value,
        missing=one.missing,
        obstacles=one.obstacles,
    )
