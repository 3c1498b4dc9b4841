"""The findings of the rules that apply to a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.operations.status.diagnosis.finding import Finding, Rule, Severity
from psyche_cli.operations.status.diagnosis.rules import RULES
from psyche_cli.operations.status.diagnosis.subject import Subject
from psyche_cli.suggestions import NOTHING_GIVEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psyche_cli.operations.status.observation import Observation
    from psyche_cli.suggestions import GivenOptions


def findings(observation: Observation, given: GivenOptions = NOTHING_GIVEN) -> tuple[Finding, ...]:
    """What is to be said about a run, the most severe finding first; empty for a run without any problem.

    ``given`` are the options that suggested commands repeat. Rules that need the authorizations of the join authority
    are not checked.
    """
    return findings_of(Subject(observation.state, run=observation.run, now=observation.now, given=given))


def findings_of(subject: Subject) -> tuple[Finding, ...]:
    """The findings of all rules that apply, the most severe first."""
    found = []
    for rule in RULES:
        if subject.state.run_state not in rule.states or not subject.has(rule.needs):
            continue
        symptom = rule.find(subject)
        if symptom is not None:
            found.append(Finding(rule.rule, rule.severity, *symptom))
    return tuple(found)


def unchecked(subject: Subject) -> tuple[Rule, ...]:
    """The rules that could apply in the state of the run but need what is not known."""
    return tuple(rule for rule in RULES if subject.state.run_state in rule.states and not subject.has(rule.needs))


def is_healthy(found: Iterable[Finding]) -> bool:
    """Whether none of the findings is more than a note."""
    return all(one.severity == Severity.NOTE for one in found)
