"""The verdict on epoch_time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from psyche_cli.limits import ROUNDS_AFTER_EPOCH_TIME, U64_MAX
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.advise.facts import Facts, median
from psyche_cli.operations.advise.verdict import FEWEST_EPOCHS, LARGE, Figure, Verdict, percent
from psyche_cli.operations.status.diagnosis.finding import counted

_WANTED_OVERHEAD: Final = 0.2
"""The share of an epoch outside of rounds for which a longer epoch is advised."""
_LONGEST_STEP: Final = 4
"""By which factor an epoch becomes longer at most."""
_SMALLEST_STEP: Final = 1.25
_HALF: Final = 0.5


def epoch_time(facts: Facts, advised: Mapping[str, int]) -> Verdict:
    """The verdict if the other settings are as ``advised``."""
    epochs, current = facts.epochs, facts.config["epoch_time"]
    in_time = [one for one in epochs if one.end is EpochEnd.LAST_ROUND]
    dropped = sum(one.clients_left < one.clients for one in epochs)
    trained = sum(one.trained for one in epochs)
    evidence = [
        Figure("epochs", len(epochs)),
        Figure("epochs_ended_by_time", len(in_time)),
        Figure("epochs_with_dropped_members", dropped),
        Figure("share_of_time_in_rounds", percent(trained, facts.seconds), "percent"),
        Figure("share_of_time_waiting", percent(sum(one.waited for one in epochs), facts.seconds), "percent"),
        Figure("share_of_time_in_warmup", percent(sum(one.warmup for one in epochs), facts.seconds), "percent"),
        Figure("share_of_time_in_cooldown", percent(sum(one.cooldown for one in epochs), facts.seconds), "percent"),
    ]
    if epochs:
        evidence.append(Figure("rounds_per_epoch_median", median(one.rounds for one in epochs)))
    verdict = Verdict("epoch_time", current, "unknown", "", tuple(evidence))
    if len(in_time) < FEWEST_EPOCHS:
        return verdict._replace(
            reason=f"Too little evidence: {counted(len(in_time), 'epoch')} ended by time with this configuration; "
            f"{FEWEST_EPOCHS} are needed."
        )
    if dropped >= _HALF * len(epochs):
        return verdict.kept(
            f"Members were dropped in {dropped} of {counted(len(epochs), 'epoch')}. They cannot come back "
            "before the next epoch, so longer ones would keep them out for longer."
        )
    warmup, extra = median(one.warmup for one in in_time), facts.config["waiting_for_members_extra_time"]
    rest = warmup + advised["cooldown_time"]
    overhead = min(median(one.waited for one in in_time), extra) + rest
    faster = facts.config["round_witness_time"] - advised["round_witness_time"]
    each = max(median(one.trained // max(one.rounds, 1) for one in in_time) - faster, 1)
    rounds = median(one.rounds for one in in_time)
    share = overhead / (overhead + rounds * each)
    needed = math.ceil(overhead * (1 - _WANTED_OVERHEAD) / _WANTED_OVERHEAD / each)
    longer = min(warmup + (needed - ROUNDS_AFTER_EPOCH_TIME) * each, _LONGEST_STEP * current, U64_MAX)
    is_same = rest == warmup + facts.config["cooldown_time"] and faster == 0
    passes = "passes" if is_same else "would pass with the other advised values"
    if share <= LARGE or longer < _SMALLEST_STEP * current:
        return verdict.kept(f"{share:.0%} of an epoch {passes} outside of rounds.")
    fewer = advised["init_min_clients"] != facts.config["init_min_clients"]
    waits = [extra + one.wait_for(advised["init_min_clients"], extra) if fewer else one.waited for one in in_time]
    then = median(waits) + rest + (math.ceil((longer - warmup) / each) + ROUNDS_AFTER_EPOCH_TIME) * each
    paid = percent(median(one.seconds for one in in_time), then)
    return verdict._replace(
        kind="change",
        advised=longer,
        reason=f"{share:.0%} of an epoch {passes} outside of rounds: {overhead} s for the wait, warmup and cooldown. "
        "Longer epochs also change the rewards per day, because the earning rate is paid per epoch: to about "
        f"{paid:g}% of the present ones. Members that join later wait longer.",
    )
