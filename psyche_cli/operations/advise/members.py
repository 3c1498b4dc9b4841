"""Verdicts on the numbers of members: min_clients and init_min_clients."""

from __future__ import annotations

from typing import Final

from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.advise.facts import EpochFact, Facts, median
from psyche_cli.operations.advise.verdict import FEWEST_EPOCHS, LARGE, Figure, Verdict, percent
from psyche_cli.operations.status.diagnosis.finding import counted

_LONGEST_WAIT: Final = 10
"""How many times its usual additional time a wait for members lasts before its end is no longer expected."""
_SHORTEST_WAIT: Final = 600
"""Seconds below which no wait is too long."""
_FEWEST_CASES: Final = 2


def member_counts(facts: Facts) -> list[Verdict]:
    """The verdicts on min_clients and init_min_clients, which must not be below the former."""
    first, least = _init_min_clients(facts), _min_clients(facts)
    if first.advised is not None and first.advised < (least.current if least.advised is None else least.advised):
        least = least._replace(
            kind="change",
            advised=first.advised,
            reason=f"It must not exceed init_min_clients, for which {first.advised} is advised.",
        )
    return [first, least]


def _min_clients(facts: Facts) -> Verdict:
    epochs, current, witnesses = facts.epochs, facts.config["min_clients"], facts.config["witness_nodes"]
    early = [one for one in epochs if one.end is EpochEnd.TOO_FEW_CLIENTS]
    evidence = [Figure("epochs", len(epochs)), Figure("epochs_ended_by_too_few_members", len(early))]
    if epochs:
        evidence += [
            Figure("members_at_end_minimum", min(one.clients_left for one in epochs)),
            Figure("members_at_end_median", median(one.clients_left for one in epochs)),
            Figure("members_dropped", sum(one.clients - one.clients_left for one in epochs)),
        ]
    verdict = Verdict("min_clients", current, "unknown", "", tuple(evidence))
    if len(epochs) < FEWEST_EPOCHS:
        return verdict._replace(reason=_too_few(len(epochs)))
    if len(early) < max(_FEWEST_CASES, LARGE * len(epochs)):
        return verdict.kept(f"{len(early)} of {len(epochs)} epochs ended because too few members were left.")
    left = min(one.clients_left for one in early)
    advised = max(left, witnesses, 1)
    ended = f"{len(early)} of {len(epochs)} epochs ended early because fewer than {current} members were left: {left}"
    if advised >= current:
        return verdict.kept(f"{ended}. Fewer are not allowed, because witness_nodes is {witnesses}.")
    return verdict._replace(
        kind="change", advised=advised, reason=f"{ended} or more, with which the epoch could have continued."
    )


def _init_min_clients(facts: Facts) -> Verdict:
    epochs, config = facts.epochs, facts.config
    current, extra = config["init_min_clients"], config["waiting_for_members_extra_time"]
    waited = sum(_waited_for_members(one, extra) for one in epochs)
    wait = facts.wait
    evidence = [
        Figure("epochs", len(epochs)),
        Figure("seconds_waited_for_members", waited, "s"),
        Figure("share_of_time_waited_for_members", percent(waited, facts.seconds), "percent"),
    ]
    if epochs:
        evidence += [
            Figure("members_minimum", min(one.clients for one in epochs)),
            Figure("members_median", median(one.clients for one in epochs)),
            Figure("joined_in_time_minimum", min(one.joined for one in epochs)),
        ]
    if wait is not None:
        evidence.append(Figure("joined_now", wait.joined))
        evidence += [] if wait.seconds is None else [Figure("seconds_waiting_now", wait.seconds, "s")]
    verdict = Verdict("init_min_clients", current, "unknown", "", tuple(evidence))
    if wait is not None and wait.joined < current:
        long = wait.seconds is None or wait.seconds > max(_LONGEST_WAIT * extra, _SHORTEST_WAIT)
        if long:
            lasts = "forever" if wait.seconds is None else f"for {wait.seconds} s"
            return _lowered(
                verdict, facts, wait.joined, f"The run waits {lasts} for {current} members; {wait.joined} have joined."
            )
    if len(epochs) < FEWEST_EPOCHS:
        return verdict._replace(reason=_too_few(len(epochs)))
    if waited > LARGE * facts.seconds:
        reason = f"The run waited {waited} s, {percent(waited, facts.seconds):g}% of its time, for {current} members."
        return _lowered(verdict, facts, min(one.joined for one in epochs), reason, least=config["min_clients"])
    late = [one for one in epochs if one.joined_late >= max(one.clients, 1)]
    if len(late) >= max(_FEWEST_CASES, LARGE * len(epochs)):
        available = min(one.clients + one.joined_late for one in epochs)
        advised = min(max(available // 2, current + 1), MAX_CLIENTS, config["global_batch_size_end"])
        if current < advised <= available:
            return verdict._replace(
                kind="change",
                advised=advised,
                reason=f"{len(late)} of {len(epochs)} epochs began without half of the members that came soon after, "
                f"and had to wait for the next one. There were always at least {available}.",
            )
    return verdict.kept(f"Epochs began with at least {counted(min(one.clients for one in epochs), 'member')}.")


def _lowered(verdict: Verdict, facts: Facts, joined: int, reason: str, least: int = 1) -> Verdict:
    """The advice to begin with the members that joined, unless the rules do not allow so few."""
    witnesses = facts.config["witness_nodes"]
    advised = max(joined, least)
    if joined == 0:
        return verdict._replace(reason=f"{reason} Nobody came, so that no number suffices.")
    if advised < witnesses:
        return verdict.kept(f"{reason} Fewer are not allowed, because witness_nodes is {witnesses}.")
    if advised >= verdict.current:
        return verdict.kept(f"{reason} Fewer than min_clients, {least}, are not allowed.")
    return verdict._replace(kind="change", advised=advised, reason=reason)


def _waited_for_members(one: EpochFact, extra: int) -> int:
    """The seconds that the run waited for members beyond the additional time that it waits anyway."""
    return max(one.wanted - extra, 0)


def _too_few(count: int) -> str:
    return f"Too little evidence: {counted(count, 'epoch')} ended with this configuration; {FEWEST_EPOCHS} are needed."
