"""Verdicts on the time limits: max_round_train_time, round_witness_time, warmup_time and cooldown_time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from psyche_cli.operations.advise.facts import Facts, RoundFact, Spread
from psyche_cli.operations.advise.verdict import (
    FEWEST_EPOCHS,
    FEWEST_ROUNDS,
    LARGE,
    OFTEN,
    SHORTENED_FROM,
    Figure,
    Verdict,
    limit_for,
    percent,
)
from psyche_cli.operations.status.diagnosis.finding import counted

_WITNESS_SHARE: Final = 1 / 3
"""The share of a round from which RoundWitness is worth shortening."""
_SHORTEST_WITNESS: Final = 2


def round_time(facts: Facts) -> Verdict:
    """The verdict on max_round_train_time."""
    rounds, current = facts.rounds, facts.config["max_round_train_time"]
    window = current + facts.config["round_witness_time"]
    last = [max(one.reports) for one in rounds if one.reports]
    silent = len(rounds) - len(last)
    verdict = Verdict("max_round_train_time", current, "unknown", "", _of_rounds(rounds, last))
    assumed = facts.assumed_train
    if assumed is not None and assumed > current:
        return verdict._replace(
            kind="change",
            advised=limit_for([assumed]),
            reason=f"Members that need {assumed} s for a round report after max_round_train_time. Reports that come "
            f"after {window} s, the end of RoundWitness, are lost.",
        )
    if len(rounds) < FEWEST_ROUNDS:
        return verdict._replace(reason=_too_few(len(rounds), "round", FEWEST_ROUNDS))
    if len(last) < FEWEST_ROUNDS:
        return verdict._replace(
            reason=f"Nobody reported {silent} of {len(rounds)} rounds: the members need more than {window} s, or do "
            "not report. The chain does not show which; ask them, or look at their logs."
        )
    spread, advised = Spread.of(last), limit_for(last)
    late = sum(one.is_late for one in rounds)
    if late >= OFTEN * len(rounds) and advised > window:
        return verdict._replace(
            kind="change",
            advised=advised,
            reason=f"In {late} of {len(rounds)} rounds, reports came after max_round_train_time, at the latest after "
            f"{spread.longest} s. Reports that come after {window} s, the end of RoundWitness, are lost.",
        )
    doubtful = sum(one.returned or not one.reports for one in rounds)
    if doubtful >= OFTEN * len(rounds):
        return verdict._replace(
            reason=f"Reports came after at most {spread.longest} s, but {doubtful} of {len(rounds)} rounds lack "
            f"reports of members that reported others. Whether they needed more than {window} s is not known."
        )
    if late > 0:
        return verdict.kept(
            f"Reports came late in {late} of {len(rounds)} rounds, at the latest after {spread.longest} s. "
            f"RoundWitness accepts them, up to {window} s."
        )
    if advised * SHORTENED_FROM > current:
        return verdict.kept(f"The last report of a round came after at most {spread.longest} s, which fits.")
    if doubtful > 0:
        return verdict.kept(
            f"Reports came after at most {spread.longest} s, but {doubtful} rounds lack reports of members that "
            "may only have been slow."
        )
    lost = sum(one.waited_for_nothing for one in rounds)
    missing = sum(not one.is_complete for one in rounds)
    effect = (
        f"{counted(missing, 'round')} waited {lost} s for reports that never came."
        if missing > 0
        else (f"A member that stops makes each round last {current} s until it is dropped.")
    )
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"The last report of a round came after at most {spread.longest} s. {effect}",
    )


def _of_rounds(rounds: Sequence[RoundFact], last: Sequence[int]) -> tuple[Figure, ...]:
    """The figures about reports; ``last`` are the times of the last report of each round that has one."""
    figures = [
        Figure("rounds", len(rounds)),
        Figure("rounds_timed_out", sum(one.timed_out for one in rounds)),
        Figure("rounds_with_late_reports", sum(one.is_late for one in rounds)),
        Figure("rounds_with_missing_reports", sum(not one.is_complete for one in rounds)),
        Figure("reports_in_time", sum(one.in_time for one in rounds)),
        Figure("reports_expected", sum(one.expected for one in rounds)),
        Figure("members_dropped", sum(one.dropped for one in rounds)),
        Figure("seconds_waited_for_missing_reports", sum(one.waited_for_nothing for one in rounds), "s"),
    ]
    return (*figures, *_spread_of("last_report", last))


def _spread_of(name: str, times: Sequence[int]) -> tuple[Figure, ...]:
    if not times:
        return ()
    spread = Spread.of(times)
    return (
        Figure(f"{name}_median", spread.median, "s"),
        Figure(f"{name}_p95", spread.p95, "s"),
        Figure(f"{name}_maximum", spread.longest, "s"),
    )


def witness_time(facts: Facts) -> Verdict:
    """The verdict on round_witness_time."""
    rounds, current = facts.rounds, facts.config["round_witness_time"]
    late = sum(one.is_late for one in rounds)
    whole = sum(one.train_seconds + one.witness_seconds for one in rounds)
    spent = sum(one.witness_seconds for one in rounds)
    evidence = (
        Figure("rounds", len(rounds)),
        Figure("rounds_with_late_reports", late),
        Figure("share_of_rounds", percent(spent, whole), "percent"),
    )
    verdict = Verdict("round_witness_time", current, "keep", "", evidence)
    if len(rounds) < FEWEST_ROUNDS:
        return verdict._replace(kind="unknown", reason=_too_few(len(rounds), "round", FEWEST_ROUNDS))
    if late > 0:
        return verdict.kept(f"Reports came in RoundWitness in {late} of {len(rounds)} rounds, so its time is needed.")
    if any(not one.is_complete for one in rounds):
        return verdict.kept("Some rounds lack reports, so the facts do not show that less time suffices.")
    advised = max(math.ceil(current / 2), _SHORTEST_WITNESS)
    if spent < _WITNESS_SHARE * whole or advised >= current:
        return verdict.kept(f"RoundWitness takes {percent(spent, whole):g}% of the time of rounds.")
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"RoundWitness always lasts its full time, {percent(spent, whole):g}% of the time of rounds, but all "
        "reports came before it. Members also exchange results in it, which the chain does not show: shorten it in "
        "steps, and watch whether reports come later.",
    )


def warmup_time(facts: Facts) -> Verdict:
    """The verdict on warmup_time."""
    warmups, current = facts.warmups, facts.config["warmup_time"]
    last = [max(one.reports) for one in warmups if one.reports]
    late = sum(len(one.reports) > one.in_time for one in warmups)
    missing = sum(len(one.reports) < one.expected for one in warmups)
    evidence = (
        Figure("warmups", len(warmups)),
        Figure("warmups_timed_out", sum(one.in_time < one.expected for one in warmups)),
        Figure("warmups_with_late_reports", late),
        Figure("warmups_with_missing_reports", missing),
        *_spread_of("last_report", last),
    )
    verdict = Verdict("warmup_time", current, "unknown", "", evidence)
    assumed = facts.assumed_warmup
    if assumed is not None and assumed > current:
        return verdict._replace(
            kind="change",
            advised=limit_for([assumed]),
            reason=f"Members that need {assumed} s to load the model are not ready when the first round begins.",
        )
    if len(warmups) < FEWEST_EPOCHS:
        return verdict._replace(reason=_too_few(len(warmups), "warmup", FEWEST_EPOCHS))
    if len(last) < FEWEST_EPOCHS:
        return verdict._replace(
            reason=f"Nobody reported the end of {len(warmups) - len(last)} of {len(warmups)} warmups, so the time that "
            "members need to load the model is not known."
        )
    spread, advised = Spread.of(last), limit_for(last)
    if late >= LARGE * len(warmups) and advised > current:
        return verdict._replace(
            kind="change",
            advised=advised,
            reason=f"In {late} of {len(warmups)} epochs, members reported that they had loaded the model after the "
            f"first round had begun, at the latest after {spread.longest} s.",
        )
    if late > 0 or advised * SHORTENED_FROM > current:
        return verdict.kept(f"The last report of a warmup came after at most {spread.longest} s.")
    if len(last) < len(warmups):
        return verdict.kept("Nobody reported the end of some warmups, so the facts do not show that less suffices.")
    effect = (
        f"{counted(missing, 'warmup')} waited for reports that never came."
        if missing > 0
        else (f"A member that does not load the model makes a warmup last {current} s.")
    )
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"The last report of a warmup came after at most {spread.longest} s. {effect}",
    )


def cooldown_time(facts: Facts) -> Verdict:
    """The verdict on cooldown_time."""
    epochs, current = facts.epochs, facts.config["cooldown_time"]
    last = [max(one.saved) for one in epochs if one.saved]
    late = sum(max(one.saved, default=0) > one.cooldown for one in epochs)
    evidence = (
        Figure("epochs", len(epochs)),
        Figure("epochs_with_checkpoint", len(last)),
        Figure("epochs_with_late_checkpoint", late),
        Figure("share_of_time", percent(sum(one.cooldown for one in epochs), facts.seconds), "percent"),
        *_spread_of("last_checkpoint", last),
    )
    verdict = Verdict("cooldown_time", current, "unknown", "", evidence)
    if len(epochs) < FEWEST_EPOCHS:
        return verdict._replace(reason=_too_few(len(epochs), "epoch", FEWEST_EPOCHS))
    if len(last) < FEWEST_EPOCHS:
        return verdict._replace(
            reason=f"A checkpoint was recorded in {len(last)} of {len(epochs)} epochs, so the time that members need "
            "to save the model is not known."
        )
    spread, advised = Spread.of(last), limit_for(last)
    if late >= LARGE * len(epochs) and advised > current:
        return verdict._replace(
            kind="change",
            advised=advised,
            reason=f"In {late} of {len(epochs)} epochs, a checkpoint was recorded after Cooldown was over, at the "
            f"latest {spread.longest} s after it began.",
        )
    advised = max(advised, math.ceil(current / 2))
    if late > 0 or limit_for(last) * SHORTENED_FROM > current or advised >= current:
        return verdict.kept(f"Checkpoints were recorded within {spread.longest} s.")
    if len(last) < len(epochs):
        return verdict.kept("Some epochs had no checkpoint recorded, so the facts do not show that less suffices.")
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"Cooldown always lasts its full time, but checkpoints were recorded within {spread.longest} s. The "
        "chain does not show members that save the model without recording it: shorten it in steps.",
    )


def _too_few(count: int, noun: str, fewest: int) -> str:
    return f"Too little evidence: {counted(count, noun)} ended with this configuration; {fewest} are needed."
