"""Verdicts on the time limits of rounds: max_round_train_time and round_witness_time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.advise.facts import Facts, RoundFact
from psyche_cli.operations.advise.verdict import (
    FEWEST_EPOCHS,
    FEWEST_ROUNDS,
    LARGE,
    OFTEN,
    SHORTENED_FROM,
    Figure,
    Verdict,
    earlier,
    limit_for,
    percent,
    spread_figures,
    too_few,
)
from psyche_cli.operations.status.diagnosis.finding import counted

_WITNESS_SHARE: Final = 1 / 3
"""The share of a round from which RoundWitness is worth shortening."""
_FEWEST_TO_SHORTEN: Final = 20
"""The fewest rounds from which a shorter limit is concluded: rare ones may be longer."""
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
        if limit_for([assumed]) <= window:
            return verdict.kept(f"Reports after {assumed} s come in RoundWitness, which accepts them up to {window} s.")
        fate = "are lost" if assumed >= window else "would be lost"
        return verdict._replace(
            kind="change",
            advised=limit_for([assumed]),
            reason=f"Members that need {assumed} s for a round report after max_round_train_time. Reports that come "
            f"after {window} s, the end of RoundWitness, {fate}.",
        )
    if len(rounds) < FEWEST_ROUNDS:
        return verdict._replace(reason=too_few(len(rounds), "round", FEWEST_ROUNDS))
    if len(last) < FEWEST_ROUNDS:
        return verdict._replace(
            reason=f"Nobody reported {silent} of {counted(len(rounds), 'round')}: the members need more than {window} "
            "s, or do not report. The chain does not show which; ask them, or look at their logs."
        )
    slow = [one for one in rounds if one.shows_slowness]
    late = sum(one.is_late for one in rounds)
    longest, final = max(last), facts.config["global_batch_size_end"]
    doubtful = sum(bool(one.slow) or not one.reports for one in rounds)
    members = len(frozenset[bytes]().union(*(one.slow for one in rounds)))
    often = doubtful >= OFTEN * len(rounds)
    if often or (slow and doubtful >= max(LARGE * len(facts.epochs), 1)):
        return verdict._replace(
            reason=f"Reports came within {longest} s, but {doubtful} of {counted(len(rounds), 'round')} lack "
            f"reports{_of_members(members)}. Whether more than {window} s are needed is not known: the chain does not "
            "show members that train but are too slow. Ask them, or look at their logs."
        )
    if len(slow) >= OFTEN * len(rounds):
        needed = [one.needed(final) for one in rounds if one.reports and one.is_complete and not one.awaited]
        advised = limit_for(needed)
        latest = max(max(one.reports) for one in slow)
        if advised > window:
            return verdict._replace(
                kind="change",
                advised=advised,
                reason=f"In {len(slow)} of {counted(len(rounds), 'round')}, reports came after max_round_train_time, "
                f"at the latest after {latest} s{_grown(latest, max(needed), 'the final batch size')}. Reports that "
                f"come after {window} s, the end of RoundWitness, are lost.",
            )
    if late > 0:
        return verdict.kept(
            f"Reports came late in {late} of {counted(len(rounds), 'round')}, at the latest after {longest} s"
            + (
                ", but only right after RoundTrain had timed out, or while a member was missing: they do not show how "
                "much time is needed."
                if not slow
                else f". RoundWitness accepts them, up to {window} s."
            )
        )
    ended = sum(one.end in (EpochEnd.NO_WITNESSES, EpochEnd.BELOW_QUORUM) for one in facts.epochs)
    if ended > 0:
        return verdict._replace(
            reason=f"Reports came within {longest} s, but {counted(ended, 'epoch')} ended because too few "
            f"witnesses, or none, reported a round within {window} s. The limit may be too short."
        )
    if doubtful > 0:
        return verdict.kept(
            f"Reports came within {longest} s, but {counted(doubtful, 'round')} {_lacks(doubtful)} "
            f"reports{_of_members(members)}."
        )
    fewest = facts.config["min_clients"]
    needed = [one.needed(final, fewest) for one in rounds if one.reports]
    before = facts.former.round_needed(final, fewest)
    advised = max(limit_for(needed), limit_for([before]) if before > 0 else 0)
    most, observed = max(*needed, before), max(longest, facts.former.round_longest)
    within = f"The last report of each round came within {longest} s{earlier(longest, facts.former.round_longest)}"
    grown = _grown(observed, most, f"the final batch size and min_clients = {fewest}")
    if advised * SHORTENED_FROM > current:
        if grown:
            end = "is more than max_round_train_time" if most > current else "leaves no time for a much shorter limit"
            return verdict.kept(f"{within}{grown}. That {end}.")
        if observed > longest:
            return verdict.kept(f"{within}. A limit with time for that would not be much shorter.")
        return verdict.kept(f"{within}, which fits.")
    epochs = len(facts.epochs)
    if assumed is None and (epochs < FEWEST_EPOCHS or len(rounds) < _FEWEST_TO_SHORTEN):
        return verdict.kept(
            f"{within}{grown}. But {counted(len(rounds), 'round')} "
            f"in {counted(epochs, 'epoch')} do not show that none is longer: a shorter limit is advised from "
            f"{_FEWEST_TO_SHORTEN} rounds in {FEWEST_EPOCHS} epochs on."
        )
    lost = sum(one.waited_for_nothing for one in rounds)
    missing = sum(not one.is_complete for one in rounds)
    effect = (
        f"{counted(missing, 'round')} waited {lost} s in total for reports that never came."
        if missing > 0
        else f"A witness that stops makes each round last {current} s until it is dropped."
    )
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"{within}{grown}. {effect}",
    )


def _grown(observed: int, needed: int, what: str) -> str:
    """What becomes of an observed time, if it grows."""
    return "" if needed <= observed else f", which may become {needed} s with {what}"


def _of_members(count: int) -> str:
    """Of whom reports are missing."""
    if count == 0:
        return ""
    return f" of {counted(count, 'member')} that may be slow rather than gone"


def _lacks(count: int) -> str:
    return "lacks" if count == 1 else "lack"


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
    return (*figures, *spread_figures("last_report", last))


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
        return verdict._replace(kind="unknown", reason=too_few(len(rounds), "round", FEWEST_ROUNDS))
    if late > 0:
        return verdict.kept(
            f"Reports came in RoundWitness in {late} of {counted(len(rounds), 'round')}, so its time is needed."
        )
    if any(not one.is_complete for one in rounds):
        return verdict.kept("Some rounds lack reports, so the facts do not show that less time suffices.")
    advised = max(math.ceil(current / 2), _SHORTEST_WITNESS)
    former = facts.former
    beyond = max(former.in_witness, former.round_longest - facts.config["max_round_train_time"])
    if beyond > 0 and limit_for([beyond]) > advised:
        return verdict.kept(
            f"Under an earlier configuration, reports came that now need up to {beyond} s of RoundWitness."
        )
    config = facts.config
    final, fewest = config["global_batch_size_end"], config["min_clients"]
    needed = max((one.needed(final, fewest) for one in rounds if one.reports), default=0)
    if facts.assumed_train is None and limit_for([needed]) > config["max_round_train_time"] + advised:
        return verdict.kept(
            f"Rounds may become {needed} s with the final batch size and min_clients = {fewest}. "
            "Reports then come in RoundWitness, so its time may be needed."
        )
    if spent < _WITNESS_SHARE * whole or advised >= current:
        return verdict.kept(f"RoundWitness takes {percent(spent, whole):g}% of the time of rounds.")
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"RoundWitness always lasts its full time, {percent(spent, whole):g}% of the time of rounds, but all "
        "reports came before it. Members also exchange results in it, which the chain does not show: shorten it in "
        "steps, and watch whether reports come later.",
    )
