"""The result of ``advise``, from verdicts, their effects and the diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.new_files import write_new_file
from psyche_cli.operations.advise.advice import with_advice
from psyche_cli.operations.advise.effects import Effect, Scenario, effects
from psyche_cli.operations.advise.facts import Facts
from psyche_cli.operations.advise.payloads import (
    AdviceOnSettings,
    AdvisedSetting,
    CourseData,
    EffectData,
    FigureData,
)
from psyche_cli.operations.advise.simulated import Course
from psyche_cli.operations.advise.target import Target
from psyche_cli.operations.advise.text import AdviceText, summary_of
from psyche_cli.operations.advise.verdict import Verdict, percent
from psyche_cli.operations.status.diagnosis.finding import counted
from psyche_cli.results import OperationResult

_EARLY_ENDS: Final = {
    EpochEnd.NO_WITNESSES: "nobody reported a round",
    EpochEnd.BELOW_QUORUM: "fewer witnesses than the quorum reported a round",
}
_OVERDUE: Final = 5.0
"""The share of time, in percent, from which missing ticks are noted."""


@dataclass(frozen=True)
class Ground:
    """What advice is based on. ``run_id`` and ``incarnation`` are None for a simulation.

    ``commands_before`` and ``commands_after`` are suggested before and after the command that applies the diff.
    """

    name: str
    facts: Facts
    scenarios: Sequence[Scenario]
    run_id: str | None = None
    incarnation: int | None = None
    reliable: bool = True
    gaps: int = 0
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    commands_before: tuple[str, ...] = ()
    commands_after: tuple[str, ...] = ()


def advice_result(
    ground: Ground, verdicts: list[Verdict], target: Target, output_file: Path | None
) -> OperationResult[AdviceOnSettings]:
    """The advice as a result; its diff is written to the new file ``output_file`` if there is one and it is given.

    Raises the errors of ``Target.diff``, and UsageError.
    """
    facts, changes = ground.facts, any(one.advised is not None for one in verdicts)
    diff = target.diff(verdicts) if changes else ""
    if diff and output_file is not None:
        write_new_file(output_file, diff, what="the output file")
    found = effects(ground.scenarios, facts.config, with_advice(facts.config, verdicts), facts.model) if changes else []
    data = AdviceOnSettings(
        source="simulation" if ground.run_id is None else "history",
        run_id=ground.run_id,
        incarnation=ground.incarnation,
        reliable=ground.reliable,
        gaps=ground.gaps,
        rounds=len(facts.rounds),
        epochs=len(facts.epochs),
        assumptions=ground.assumptions,
        notes=tuple(_notes(ground, diff, changes)),
        settings=tuple(map(_setting, verdicts)),
        effects=tuple(map(_effect, found)),
        file=None if target.path is None else str(target.path),
        diff=diff,
        diff_file=str(output_file) if diff and output_file is not None else None,
    )
    apply: tuple[str, ...] = ()
    if data.diff_file is not None:
        apply = (*ground.commands_before, target.patch_command(data.diff_file), *ground.commands_after)
    return OperationResult(
        summary=summary_of(data, ground.name),
        data=data,
        details=tuple(("assumed", one) for one in ground.assumptions),
        warnings=ground.warnings,
        next_steps=apply,
        body=AdviceText(data),
    )


def _notes(ground: Ground, diff: str, changes: bool) -> list[str]:
    facts, notes = ground.facts, list(ground.notes)
    share = percent(facts.overdue, facts.seconds)
    if share >= _OVERDUE:
        notes.append(
            f"States lasted {facts.overdue} s longer than their time, {share:g}% of all epochs, because nobody ticked. "
            "`psyche-cli tick` or `psyche-cli schedule tick` does."
        )
    for end, why in _EARLY_ENDS.items():
        count = sum(one.end is end for one in facts.epochs)
        if count > 0:
            notes.append(f"{count} of {counted(len(facts.epochs), 'epoch')} ended early because {why}.")
    if changes and not diff:
        notes.append("The file has the advised values already.")
    return notes


def _setting(one: Verdict) -> AdvisedSetting:
    return AdvisedSetting(
        key=f"config.{one.key}",
        current=one.current,
        advised=one.advised,
        verdict=one.kind,
        reason=one.reason,
        evidence=tuple(FigureData(*figure) for figure in one.evidence),
    )


def _effect(one: Effect) -> EffectData:
    return EffectData(one.scenario.text, _course(one.before), _course(one.after))


def _course(one: Course) -> CourseData:
    return CourseData(**one._asdict())
