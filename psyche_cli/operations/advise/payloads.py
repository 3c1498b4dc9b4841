"""JSON payloads of ``advise``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Constraint, Unsigned


@dataclass(frozen=True)
class FigureData:
    """A number that supports a piece of advice; docs/advise.md describes all of them."""

    name: str
    value: float
    unit: Annotated[str, Constraint(choices=("s", "count", "percent")), "s: seconds."]


@dataclass(frozen=True)
class AdvisedSetting:
    """What the facts say about a setting."""

    key: Annotated[str, "The key in the configuration, such as config.epoch_time."]
    current: Annotated[Unsigned, "The value under which the facts were observed or simulated."]
    advised: Annotated[Unsigned | None, "The advised value; null without a change."]
    verdict: Annotated[
        str,
        Constraint(choices=("change", "keep", "unknown")),
        "keep: the value is right, as far as the facts show. unknown: they do not show whether it is.",
    ]
    reason: str
    evidence: tuple[FigureData, ...]


@dataclass(frozen=True)
class CourseData:
    """How a simulated run proceeds. If it depends on which members are witnesses, the numbers are averages."""

    share_in_rounds: Annotated[float, "Time spent in rounds, in percent."]
    steps_per_hour: Annotated[float, "Without steps whose round nobody reported."]
    epochs_per_day: float
    members_dropped: float
    epochs_ended_early: Annotated[float, "Epochs that ended because members or witnesses were missing."]
    is_stuck: Annotated[bool, "Whether the run waits for members forever; it then has no steps per hour."]


@dataclass(frozen=True)
class EffectData:
    """The predicted effect of all advised values together."""

    scenario: Annotated[str, "What is assumed about the members."]
    before: CourseData
    after: CourseData


@dataclass(frozen=True)
class AdviceOnSettings:
    """Advice on the settings of a run, and the evidence for it."""

    source: Annotated[Literal["history", "simulation"], "Where the facts are from."]
    run_id: Annotated[str | None, "The run; null for a configuration that was simulated."]
    incarnation: Annotated[Unsigned | None, "Number of the run's incarnation, from 1; null for a simulation."]
    reliable: Annotated[bool, "False if the ledger and the replay disagree; facts from there on are not used."]
    gaps: Annotated[Unsigned, "Number of parts of the history of the run's account that no endpoint has returned."]
    rounds: Annotated[Unsigned, "Rounds that ended with the present configuration."]
    epochs: Annotated[Unsigned, "Epochs that ended with the present configuration."]
    assumptions: Annotated[tuple[str, ...], "What was assumed rather than observed."]
    notes: Annotated[tuple[str, ...], "What else the facts show, that no setting changes."]
    settings: tuple[AdvisedSetting, ...]
    effects: Annotated[tuple[EffectData, ...], "Predictions of the simulator; empty without advice."]
    file: Annotated[str | None, "The file that the diff changes; null if it is what config dump writes."]
    diff: Annotated[str, "A unified diff of the run file, or of the configuration file that it names; may be empty."]
    diff_file: Annotated[str | None, "The file to which the diff was written."]
