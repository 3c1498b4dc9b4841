"""What the rules find: pure functions of what is known about a run and about the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.amounts import format_amount, format_sol
from psyche_cli.operations.monitoring.alarms import Verdict
from psyche_cli.protocol.run_states import RunState

if TYPE_CHECKING:
    from psyche_cli.operations.monitoring.ledger_news import SignedChange
    from psyche_cli.operations.monitoring.rules import MonitorRule
    from psyche_cli.operations.status.show_payloads import ShowData

UNKNOWN: Final = Verdict(None)
HALTED: Final = frozenset(state.text for state in RunState if state.is_halted)


class SeenChange(NamedTuple):
    """A change of a run and when a check found it, by the clock of the cluster."""

    change: SignedChange
    found_at: int


class RunFacts(NamedTuple):
    """What is known about a run. ``losses`` are those of the witnesses by step, without the step in progress."""

    shown: ShowData
    authority: str
    authority_lamports: int
    losses: Mapping[int, Sequence[float | None]]
    pause: SignedChange | None
    changes: Sequence[SeenChange]


class EndpointFacts(NamedTuple):
    """What is known about the endpoint.

    ``age`` is how old its newest state is, in seconds by the clock of this machine. ``upgrades`` are programs that were
    deployed again: name, slot, and when a check found it.
    """

    age: int
    is_up: bool
    now: int
    upgrades: Sequence[tuple[str, int, int]]


def verdicts_of_run(rule: MonitorRule, facts: RunFacts) -> Iterator[tuple[str, Verdict]]:
    """What a rule finds about a run: a verdict for each subject, which is empty unless the rule is about changes."""
    if rule.kind == "configuration_changed":
        for seen in facts.changes:
            if not _is_expected(seen.change, rule):
                yield seen.change.signature, _changed(rule, facts, seen)
        return
    yield "", _OF_RUN[rule.kind](rule, facts)


def verdicts_of_endpoint(rule: MonitorRule, facts: EndpointFacts) -> Iterator[tuple[str, Verdict]]:
    """What a rule finds about the endpoint or the programs."""
    if rule.kind == "program_upgraded":
        for name, slot, found_at in facts.upgrades:
            is_new = facts.now - found_at < rule.keep
            sentence = f"The {name} program was deployed again in slot {slot}."
            yield f"{name} {slot}", Verdict(is_new, sentence, (("program", name), ("slot", str(slot))))
        return
    met = _above(facts.age, rule)
    evidence = (("age in seconds", str(facts.age)),)
    if met is not False:
        what = "is behind" if facts.is_up else "does not respond"
        yield "", Verdict(met, f"The endpoint {what}: its newest state is {facts.age} seconds old.", evidence)
    else:
        yield "", Verdict(met if facts.is_up else None, "The endpoint is up to date.", evidence)


def _below(value: int, rule: MonitorRule) -> bool | None:
    return True if value < rule.threshold else False if value >= rule.clear_at else None


def _above(value: int, rule: MonitorRule) -> bool | None:
    return True if value > rule.threshold else False if value <= rule.clear_at else None


def _funding(rule: MonitorRule, facts: RunFacts) -> Verdict:
    treasury = facts.shown.treasury
    if treasury is None:
        return UNKNOWN
    epochs = treasury.cover.epochs
    if epochs is None:
        return Verdict(False, "Future epochs pay nothing: the earning rate is 0.")
    decimals = facts.shown.rates.decimals
    evidence = (
        ("epochs funded", str(epochs)),
        ("vault balance", format_amount(treasury.held.base_units, decimals)),
        ("already owed", format_amount(treasury.owed.base_units, decimals)),
    )
    return Verdict(_below(epochs, rule), f"The vault pays for {epochs} more epochs.", evidence)


def _overdue(rule: MonitorRule, facts: RunFacts) -> Verdict:
    ends = facts.shown.ends
    if ends is None:
        return UNKNOWN
    met = _above(ends.overdue_seconds, rule)
    state = facts.shown.state
    evidence = (("state", state), ("overdue seconds", str(ends.overdue_seconds)))
    if met:
        return Verdict(met, f"The state {state} is overdue: nobody has ticked for {ends.overdue_seconds} s.", evidence)
    return Verdict(met, f"The run is in the state {state}.", evidence)


def _members(rule: MonitorRule, facts: RunFacts) -> Verdict:
    shown = facts.shown
    if shown.state in HALTED:
        return UNKNOWN
    waits = shown.state == RunState.WAITING_FOR_MEMBERS.text
    count = shown.members.joined_next if waits else shown.members.alive
    if count is None:
        return UNKNOWN
    what = "have joined the next epoch" if waits else "are healthy"
    return Verdict(_below(count, rule), f"{count} members {what}.", (("members", str(count)), ("state", shown.state)))


def _loss_not_a_number(rule: MonitorRule, facts: RunFacts) -> Verdict:
    latest = list(facts.losses.items())[-rule.threshold :]
    bad = [sum(loss is None for loss in losses) * 2 > len(losses) for _, losses in latest]
    if not bad:
        return UNKNOWN
    step = latest[-1][0]
    evidence = (("step", str(step)), ("reports", str(len(latest[-1][1]))))
    if len(bad) == rule.threshold and all(bad):
        return Verdict(True, f"Most witnesses report a loss that is not a number, up to step {step}.", evidence)
    return Verdict(None if bad[-1] else False, f"The loss of step {step} is a number.", evidence)


def _loss_rising(rule: MonitorRule, facts: RunFacts) -> Verdict:
    finite = [(step, [loss for loss in losses if loss is not None]) for step, losses in facts.losses.items()]
    medians = [(step, median(losses)) for step, losses in finite if losses][-rule.threshold - 1 :]
    if len(medians) < 2:
        return UNKNOWN
    rises = [after > before for (_, before), (_, after) in pairwise(medians)]
    first, last = medians[0], medians[-1]
    evidence = tuple((f"median loss of step {step}", f"{value:.6g}") for step, value in (first, last))
    if len(rises) == rule.threshold and all(rises):
        return Verdict(True, f"The loss has risen for {len(rises)} steps, up to step {last[0]}.", evidence)
    return Verdict(None if rises[-1] else False, f"The loss did not rise in step {last[0]}.", evidence)


def _paused(rule: MonitorRule, facts: RunFacts) -> Verdict:
    shown = facts.shown
    if shown.state != RunState.PAUSED.text and not shown.pending_pause:
        return Verdict(False, f"The run is not paused: it is in the state {shown.state}.")
    if facts.pause is not None and _is_expected(facts.pause, rule):
        return Verdict(False, "The run was paused by an expected signer.")
    when = "pauses at the end of the epoch" if shown.pending_pause else "is paused"
    if facts.pause is None:
        return Verdict(True, f"The run {when}; the signer is not known.")
    return Verdict(True, f"The run {when}; signed by {' and '.join(facts.pause.signers)}.", _evidence(facts.pause))


def _changed(rule: MonitorRule, facts: RunFacts, seen: SeenChange) -> Verdict:
    change = seen.change
    sentence = f"The owner's key changed the run ({change.what}); signed by {' and '.join(change.signers)}."
    return Verdict(facts.shown.now - seen.found_at < rule.keep, sentence, _evidence(change))


def _authority(rule: MonitorRule, facts: RunFacts) -> Verdict:
    sol = format_sol(facts.authority_lamports)
    evidence = (("authority", facts.authority), ("balance", sol))
    return Verdict(_below(facts.authority_lamports, rule), f"The authority of the run has {sol}.", evidence)


def _is_expected(change: SignedChange, rule: MonitorRule) -> bool:
    """Whether all signers of a change are among those of the rule."""
    return bool(rule.signers) and set(change.signers) <= set(rule.signers)


def _evidence(change: SignedChange) -> tuple[tuple[str, str], ...]:
    return (("transaction", change.signature), *(("signer", signer) for signer in change.signers))


_OF_RUN: Final[Mapping[str, Callable[[MonitorRule, RunFacts], Verdict]]] = {
    "funding_below": _funding,
    "state_overdue": _overdue,
    "members_below": _members,
    "loss_not_a_number": _loss_not_a_number,
    "loss_rising": _loss_rising,
    "paused": _paused,
    "authority_sol_below": _authority,
}
OF_ENDPOINT: Final = frozenset({"program_upgraded", "endpoint_stale"})
"""Kinds of rules that are not about a run."""
