"""JSON payloads of the lifecycle verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.payload_types import Constraint, Unsigned

_FACT = "A condition, with the prefix not- if it must not hold."


@dataclass(frozen=True)
class MachineSummary:
    """A state machine, without its states and transitions."""

    machine: Annotated[str, "The name that the other lifecycle commands take."]
    title: str
    about: Annotated[str, "What has these states."]
    states: Unsigned
    transitions: Unsigned


@dataclass(frozen=True)
class MachineListData:
    """All state machines."""

    machines: tuple[MachineSummary, ...]


@dataclass(frozen=True)
class StateData:
    """A state."""

    state: str
    number: Annotated[Unsigned | None, "Its value in the source; null if it has none."]
    meaning: str
    advice: Annotated[str, "Advice for a user who asks."]
    is_end: bool


@dataclass(frozen=True)
class ConditionData:
    """A fact on which transitions depend."""

    condition: str
    meaning: Annotated[str, "A clause that says when it holds."]


@dataclass(frozen=True)
class TransitionData:
    """A transition between two states."""

    source: Annotated[str | None, "null for the creation."]
    target: Annotated[str | None, "null for the removal. Equal to source if the state does not change."]
    trigger: Annotated[str, "What causes it."]
    actors: Annotated[tuple[str, ...], "Those who can cause it."]
    requires: Annotated[tuple[str, ...], "Conditions that must hold."]
    excludes: Annotated[tuple[str, ...], "Conditions that must not hold."]
    effect: Annotated[str, "What else happens; may be empty."]
    origin: Annotated[str, "The place in the source that defines it."]
    note: Annotated[str, "A restriction, such as that it cannot occur in practice; usually empty."]


@dataclass(frozen=True)
class MachineData:
    """A state machine with its states, conditions and transitions."""

    machine: str
    title: str
    about: str
    differs: Annotated[str, "How a variant differs from another machine; empty if it is not a variant."]
    states: tuple[StateData, ...]
    conditions: tuple[ConditionData, ...]
    transitions: tuple[TransitionData, ...]
    diagram: Annotated[str | None, "The text of the requested diagram; null for a table."]


@dataclass(frozen=True)
class ExplainedState:
    """A state, how it is reached, and what ends it."""

    machine: str
    state: StateData
    entered_by: tuple[TransitionData, ...]
    left_by: tuple[TransitionData, ...]


@dataclass(frozen=True)
class NextTransition:
    """A transition, and whether it can happen under the given conditions."""

    transition: TransitionData
    possibility: Annotated[str, Constraint(choices=("possible", "impossible", "depends"))]
    missing: Annotated[tuple[str, ...], f"What is not known yet. {_FACT}"]
    obstacles: Annotated[tuple[str, ...], f"What contradicts the given conditions. {_FACT}"]


@dataclass(frozen=True)
class NextData:
    """The transitions out of a state under given conditions."""

    machine: str
    state: str
    given: Annotated[tuple[str, ...], "The given conditions; those that do not hold have the prefix not-."]
    transitions: tuple[NextTransition, ...]


@dataclass(frozen=True)
class GroupTaskResult:
    """A task of a validation group before and after the validation."""

    before: str
    after: str


@dataclass(frozen=True)
class CrynuxGroupData:
    """The result of a group validation."""

    rules: Annotated[str, Constraint(choices=("page", "contract", "relay"))]
    scores: Annotated[str, Constraint(choices=("image", "text"))]
    threshold: Annotated[Unsigned, "Image scores match if fewer bits than this differ in every block of 8 bytes."]
    tasks: Annotated[tuple[GroupTaskResult, ...], "The tasks in the given order."]
