"""JSON payloads of ``explain``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.lifecycle.payloads import ExplainedState, StateData
from psyche_cli.payload_types import Constraint, Unsigned

_SEVERITIES = ("blocking", "warning", "note")
_RULE = "The id of the rule; docs/diagnosis.md describes all rules."


@dataclass(frozen=True)
class EvidenceData:
    """A value that supports a finding."""

    name: str
    value: str


@dataclass(frozen=True)
class FindingData:
    """A statement about a run that is true now."""

    rule: Annotated[str, _RULE]
    severity: Annotated[str, Constraint(choices=_SEVERITIES)]
    sentence: Annotated[str, "One or two sentences."]
    evidence: tuple[EvidenceData, ...]
    advice: Annotated[str, "What to do."]
    commands: Annotated[tuple[str, ...], "Commands that do it. A word in capitals stands for a value to choose."]


@dataclass(frozen=True)
class UncheckedRule:
    """A rule that was not checked, because what it needs is not known."""

    rule: Annotated[str, _RULE]
    needs: Annotated[
        str,
        Constraint(choices=("time", "instance", "treasury", "authorizations", "layout")),
        "layout: the rules of the run's layout are not those of layout v1.",
    ]


@dataclass(frozen=True)
class DiagnosisData:
    """The diagnosis of a run."""

    run_id: str
    state: StateData
    since_unix_timestamp: Annotated[Unsigned | None, "When the state began; null for a run that was never started."]
    at_unix_timestamp: Annotated[int | None, "The time of the diagnosis; null if it is not known."]
    healthy: Annotated[bool, "Whether no finding is more than a note."]
    findings: Annotated[tuple[FindingData, ...], "The most severe first."]
    not_checked: tuple[UncheckedRule, ...]


@dataclass(frozen=True)
class RuleData:
    """A rule of the diagnosis."""

    rule: Annotated[str, _RULE]
    severity: Annotated[str, Constraint(choices=_SEVERITIES)]
    condition: Annotated[str, "A clause that says when it applies."]
    prolongs: Annotated[bool, "Whether it makes the state last longer."]


@dataclass(frozen=True)
class StateDiagnosisData:
    """A state of a run, and the rules that can apply in it."""

    explained: ExplainedState
    rules: Annotated[tuple[RuleData, ...], "The most severe first."]
