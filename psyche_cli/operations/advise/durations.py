"""Verdicts on the time limits of epochs beside their rounds: warmup_time and cooldown_time."""

from __future__ import annotations

import math

from psyche_cli.operations.advise.facts import Facts, Spread
from psyche_cli.operations.advise.verdict import (
    FEWEST_EPOCHS,
    LARGE,
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


def warmup_time(facts: Facts) -> Verdict:
    """The verdict on warmup_time."""
    warmups, current = facts.warmups, facts.config["warmup_time"]
    last = [max(one.reports) for one in warmups if one.reports]
    late = sum(len(one.reports) > one.in_time for one in warmups)
    missing = sum(len(one.reports) < one.expected for one in warmups)
    evidence = (
        Figure("warmups", len(warmups)),
        Figure("warmups_timed_out", sum(one.timed_out for one in warmups)),
        Figure("warmups_with_late_reports", late),
        Figure("warmups_with_missing_reports", missing),
        *spread_figures("last_report", last),
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
        return verdict._replace(reason=too_few(len(warmups), "warmup", FEWEST_EPOCHS))
    if len(last) < FEWEST_EPOCHS:
        return verdict._replace(
            reason=f"Nobody reported the end of {len(warmups) - len(last)} of {counted(len(warmups), 'warmup')}, so "
            "the time that members need to load the model is not known."
        )
    spread, advised = Spread.of(last), limit_for(last)
    exceeded = [one for one in warmups if one.shows_slowness]
    if len(exceeded) >= LARGE * len(warmups) and advised > current:
        latest = max(max(one.reports) for one in exceeded)
        return verdict._replace(
            kind="change",
            advised=advised,
            reason=f"In {len(exceeded)} of {counted(len(warmups), 'epoch')}, members reported that they had loaded the "
            f"model after the first round had begun, at the latest after {latest} s.",
        )
    ended = sum(not one.timed_out for one in warmups)
    if late > 0 and ended == len(warmups):
        return verdict.kept(
            f"All warmups ended early, by the reports of {counted(warmups[-1].expected, 'member')}, which "
            f"suffice; the last report came after {spread.longest} s. A longer limit would change nothing."
        )
    former = facts.former.warmup
    advised = max(advised, limit_for([former]) if former > 0 else 0)
    within = f"The last report of each warmup came within {spread.longest} s{earlier(spread.longest, former)}."
    if late > 0 or advised * SHORTENED_FROM > current:
        return verdict.kept(within)
    slow = len(frozenset[bytes]().union(*(one.slow for one in warmups)))
    if slow > 0:
        return verdict.kept(
            f"Reports came within {spread.longest} s, but {counted(slow, 'member')} did not report "
            f"{counted(sum(bool(one.slow) for one in warmups), 'warmup')} and {'was' if slow == 1 else 'were'} alive "
            "later: slow rather than gone."
        )
    if len(last) < len(warmups):
        return verdict.kept("Nobody reported the end of some warmups, so the facts do not show that less suffices.")
    enough, most = facts.config["witness_nodes"], max((one.clients for one in facts.epochs), default=0)
    if assumed is None and 0 < enough < most:
        return verdict.kept(
            f"{within} But {counted(enough, 'report')} of {counted(most, 'member')} "
            f"{'suffices' if enough == 1 else 'suffice'} to end Warmup, so the time that the others need is not known."
        )
    effect = (
        f"{counted(missing, 'warmup')} waited for reports that never came."
        if missing > 0
        else f"A member that does not load the model makes a warmup last {current} s."
    )
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"{within} {effect}",
    )


def cooldown_time(facts: Facts) -> Verdict:
    """The verdict on cooldown_time."""
    epochs, current = facts.epochs, facts.config["cooldown_time"]
    first = [min(one.saved) for one in epochs if one.saved]
    last = [max(one.saved) for one in epochs if one.saved]
    late = sum(max(one.saved, default=0) > one.cooldown for one in epochs)
    none_in_time = sum(min(one.saved, default=0) > one.cooldown for one in epochs)
    evidence = (
        Figure("epochs", len(epochs)),
        Figure("epochs_with_checkpoint", len(last)),
        Figure("epochs_with_late_checkpoint", late),
        Figure("share_of_time", percent(sum(one.cooldown for one in epochs), facts.seconds), "percent"),
        *spread_figures("last_checkpoint", last),
    )
    verdict = Verdict("cooldown_time", current, "unknown", "", evidence)
    if len(epochs) < FEWEST_EPOCHS:
        return verdict._replace(reason=too_few(len(epochs), "epoch", FEWEST_EPOCHS))
    if len(last) < FEWEST_EPOCHS:
        return verdict._replace(
            reason=f"A checkpoint was recorded in {len(last)} of {counted(len(epochs), 'epoch')}, so the time that "
            "members need to save the model is not known."
        )
    if none_in_time >= LARGE * len(epochs) and limit_for(first) > current:
        return verdict._replace(
            kind="change",
            advised=limit_for(first),
            reason=f"In {none_in_time} of {counted(len(epochs), 'epoch')}, the first checkpoint was recorded after "
            f"Cooldown was over, at the latest {max(first)} s after it began.",
        )
    longest, former = Spread.of(last).longest, facts.former.saved
    needed = max(limit_for(last), limit_for([former]) if former > 0 else 0)
    advised = max(needed, math.ceil(current / 2))
    within = f"within {longest} s{earlier(longest, former)}"
    if late > 0 or needed * SHORTENED_FROM > current or advised >= current:
        return verdict.kept(f"Checkpoints were recorded {within}.")
    if len(last) < len(epochs):
        return verdict.kept("Some epochs had no checkpoint recorded, so the facts do not show that less suffices.")
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"Cooldown always lasts its full time, but checkpoints were recorded {within}. The "
        "chain does not show members that save the model without recording it: shorten it in steps.",
    )
