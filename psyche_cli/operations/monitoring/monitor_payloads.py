"""JSON payloads of ``monitor``, and the body of its notifications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Constraint, Unsigned

SeverityText = Annotated[str, Constraint(choices=("info", "warning", "critical"))]


@dataclass(frozen=True)
class AlarmEvidence:
    """A name and a value that support an alarm."""

    name: str
    value: str


@dataclass(frozen=True)
class AlarmChangeData:
    """An alarm that began or ended."""

    event: Literal["fired", "cleared"]
    rule: Annotated[str, "Name of the rule."]
    kind: Annotated[str, "Kind of the rule, such as funding_below."]
    severity: SeverityText
    run_id: Annotated[str | None, "Null for a rule about the endpoint or the programs."]
    subject: Annotated[str, "What a rule about changes refers to, such as a signature; empty for others."]
    number: Annotated[Unsigned, "Counts the alarms of this rule, run and subject, from 1."]
    time: Annotated[int, "When it was found, in Unix seconds: by the clock of the cluster for a rule about a run."]
    sentence: Annotated[str, "What was found."]
    evidence: list[AlarmEvidence]


@dataclass(frozen=True)
class MonitorData:
    """A check of all rules."""

    active: Annotated[list[AlarmChangeData], "The alarms that are active now. Their event is fired."]
    changes: Annotated[list[AlarmChangeData], "Those that began or ended in this check."]
    unreadable: Annotated[list[str], "Ids of the runs that do not exist or cannot be decoded."]
    delivered: Annotated[Unsigned, "Notifications that were delivered."]
    waiting: Annotated[Unsigned, "Notifications that wait for their destination."]
    failed_destinations: Annotated[list[str], "Names of the destinations that failed. The exit code is then 10."]
    endpoint_error: Annotated[
        str | None, "Why the endpoint could not be read; null if it was. The exit code is then 10."
    ]


@dataclass(frozen=True)
class RulesData:
    """A valid rules file."""

    path: str
    rules: Annotated[list[str], "Names of the rules."]
    destinations: Annotated[list[str], "Names of the destinations."]


@dataclass(frozen=True)
class ExampleRulesData:
    """An example of a rules file."""

    content: str
