"""Verdicts on the numbers of members: min_clients and init_min_clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from psyche_cli.limits import MAX_CLIENTS
from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.advise.facts import Facts, WaitFact, median
from psyche_cli.operations.advise.verdict import FEWEST_EPOCHS, LARGE, Figure, Verdict, percent, too_few
from psyche_cli.operations.status.diagnosis.finding import counted

_LONGEST_WAIT: Final = 10
"""How many times its usual additional time a wait for members lasts before its end is no longer expected."""
_SHORTEST_WAIT: Final = 3_600
"""Seconds below which no wait is too long."""
_WHILE_MEMBERS_RETURN: Final = 86_400
"""The same if the latest epochs began with enough members: they may come back, such as after a pause."""
_SOON: Final = 60
"""Seconds after which a member still comes soon, whatever the additional time."""
_FEWEST_CASES: Final = 2


def member_counts(facts: Facts) -> list[Verdict]:
    """The verdicts on min_clients and init_min_clients, which must not be below the former."""
    first, least = _init_min_clients(facts), _min_clients(facts)
    if first.advised is not None and first.advised < (least.current if least.advised is None else least.advised):
        least = least._replace(
            kind="change",
            advised=first.advised,
            reason=f"It must not exceed init_min_clients, for which {first.advised} is advised. Epochs then also go on "
            f"with as few as {counted(first.advised, 'member')}.",
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
        return verdict._replace(reason=too_few(len(epochs), "epoch", FEWEST_EPOCHS))
    if len(early) < max(_FEWEST_CASES, LARGE * len(epochs)):
        return verdict.kept(f"{len(early)} of {counted(len(epochs), 'epoch')} ended because too few members were left.")
    left = min(one.clients_left for one in early)
    advised = max(left, witnesses, 1)
    ended = f"{len(early)} of {len(epochs)} epochs ended early because fewer than {current} members were left: {left}"
    if advised >= current:
        return verdict.kept(f"{ended}. Fewer are not allowed, because witness_nodes is {witnesses}.")
    needed = facts.too_long_with(advised)
    if needed is not None:
        return verdict.kept(f"{ended}. {_too_long(needed, advised)}")
    return verdict._replace(
        kind="change", advised=advised, reason=f"{ended} or more, with which the epoch could have continued."
    )


def _init_min_clients(facts: Facts) -> Verdict:
    epochs, config = facts.epochs, facts.config
    current, extra = config["init_min_clients"], config["waiting_for_members_extra_time"]
    waited = sum(one.wait_for(current, extra) for one in epochs)
    long = sum(one.wait_for(current, extra) > LARGE * one.seconds for one in epochs)
    verdict = Verdict("init_min_clients", current, "unknown", "", tuple(_of_waits(facts, waited, long)))
    wait = facts.wait
    if wait is not None and wait.joined < current and _is_long(wait, facts):
        members = counted(current, "member")
        waits = (
            f"would wait forever for {members}"
            if wait.seconds is None
            else f"has been waiting for {members} for {wait.seconds} s"
        )
        reason = f"The run {waits}; {_have_joined(wait.joined)}."
        if wait.joined == 0:
            return verdict._replace(reason=f"{reason} No lower number would help.")
        return _lowered(verdict, facts, wait.joined, reason)
    if len(epochs) < FEWEST_EPOCHS:
        return verdict._replace(reason=too_few(len(epochs), "epoch", FEWEST_EPOCHS))
    if waited > LARGE * facts.seconds and long >= max(_FEWEST_CASES, LARGE * len(epochs)):
        return _after_waits(verdict, facts, waited)
    late = [one for one in epochs if one.joined_late >= max(one.clients, 1)]
    if len(late) >= max(_FEWEST_CASES, LARGE * len(epochs)):
        available = min(one.clients + one.joined_late for one in epochs)
        advised = min(max(available // 2, current + 1), MAX_CLIENTS, config["global_batch_size_end"])
        if current < advised <= available:
            return verdict._replace(
                kind="change",
                advised=advised,
                reason=f"{len(late)} of {counted(len(epochs), 'epoch')} began without half of the members that came "
                f"soon after, and had to wait for the next one. There were always at least {available}.",
            )
    return verdict.kept(f"Epochs began with at least {counted(min(one.clients for one in epochs), 'member')}.")


def _of_waits(facts: Facts, waited: int, long: int) -> Iterator[Figure]:
    epochs, wait = facts.epochs, facts.wait
    yield Figure("epochs", len(epochs))
    yield Figure("epochs_with_long_waits", long)
    yield Figure("seconds_waited_for_members", waited, "s")
    yield Figure("share_of_time_waited_for_members", percent(waited, facts.seconds), "percent")
    if epochs:
        extra = facts.config["waiting_for_members_extra_time"]
        yield Figure("members_minimum", min(one.clients for one in epochs))
        yield Figure("members_median", median(one.clients for one in epochs))
        yield Figure("joined_in_time_minimum", min(one.joined_within(extra) for one in epochs))
    if wait is not None:
        yield Figure("joined_now", wait.joined)
        if wait.seconds is not None:
            yield Figure("seconds_waiting_now", wait.seconds, "s")


def _is_long(wait: WaitFact, facts: Facts) -> bool:
    """Whether a wait has lasted so long that its end is no longer expected."""
    if wait.seconds is None:
        return True
    came_before = facts.came >= facts.config["init_min_clients"]
    usual = _LONGEST_WAIT * facts.config["waiting_for_members_extra_time"]
    return wait.seconds > max(usual, _WHILE_MEMBERS_RETURN if came_before else _SHORTEST_WAIT)


def _after_waits(verdict: Verdict, facts: Facts, waited: int) -> Verdict:
    """The verdict on a run that has often waited long for members that came in the end."""
    epochs, config, current = facts.epochs, facts.config, verdict.current
    extra = config["waiting_for_members_extra_time"]
    useful = max(extra, _SOON)
    soon, usual = median(one.joined_within(useful) for one in epochs), median(one.clients for one in epochs)
    reason = (
        f"The run waited {waited} s, {percent(waited, facts.seconds):g}% of its time, for "
        f"{counted(current, 'member')}; within {useful} s, {_had_joined(soon)} in most epochs."
    )
    if soon == 0:
        return verdict.kept(f"{reason} Fewer members would hardly come sooner.")
    advised = max(soon, config["min_clients"])
    saved = waited - sum(one.wait_for(advised, extra) for one in epochs)
    if advised < current and advised / usual <= 1 - saved / facts.seconds:
        return verdict.kept(
            f"{reason} But members that come later do {percent(usual - advised, usual):g}% of the work, which is worth "
            "more than the time."
        )
    return _lowered(verdict, facts, advised, reason, least=config["min_clients"])


def _lowered(verdict: Verdict, facts: Facts, joined: int, reason: str, least: int = 1) -> Verdict:
    """The advice to begin with the members that joined, unless the rules do not allow so few."""
    witnesses, extra = facts.config["witness_nodes"], facts.config["waiting_for_members_extra_time"]
    advised = max(joined, least)
    if advised < witnesses:
        return verdict.kept(f"{reason} Fewer are not allowed, because witness_nodes is {witnesses}.")
    if advised >= verdict.current:
        return verdict.kept(f"{reason} Fewer than {advised} are not advised.")
    needed = facts.too_long_with(advised)
    if needed is not None:
        return verdict.kept(f"{reason} {_too_long(needed, advised)}")
    return verdict._replace(
        kind="change",
        advised=advised,
        reason=f"{reason} Epochs can then begin with {counted(advised, 'member')}: the others are left out of an epoch "
        f"if they join more than {extra} s, waiting_for_members_extra_time, after the wait began.",
    )


def _too_long(needed: int, members: int) -> str:
    return (
        f"With {counted(members, 'member')}, each of which would have more work, rounds may need {needed} s, which is "
        "more than max_round_train_time."
    )


def _have_joined(count: int) -> str:
    return "nobody has joined" if count == 0 else f"{count} {'has' if count == 1 else 'have'} joined"


def _had_joined(count: int) -> str:
    return "nobody had joined" if count == 0 else f"{count} had joined"
