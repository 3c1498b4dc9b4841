"""Advice on a configuration, from what happened in a rehearsal, from the file, and from the state of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.payloads import AdviceData
from psyche_cli.operations.rehearsal.report import Findings
from psyche_cli.operations.rehearsal.request import Request
from psyche_cli.operations.status.diagnosis.finding import Severity, counted
from psyche_cli.operations.status.diagnosis.findings import findings_of
from psyche_cli.operations.status.diagnosis.subject import Subject
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.scheduler import End

_HALF: Final = 0.5


def advice_on(request: Request, findings: Findings, evidence: Evidence, end: End) -> Iterator[AdviceData]:
    """What the owner may want to change, the most important first."""
    yield from _on_joining(request, findings, evidence)
    yield from _on_rounds(request, findings)
    yield from _on_epochs(request, findings)
    yield from _on_lies(findings)
    yield from _on_learning(findings)
    for one in request.config.warnings:
        yield AdviceData(one.key, f"{one.message}.")
    if request.run_id is None:
        if evidence.record.state.run_state == RunState.PAUSED:
            return  # the rehearsal has paused the run itself, which says nothing about the configuration
    elif end == "reached":
        return  # its members have left, so that the run as it is now lacks members
    subject = Subject(evidence.record.state, now=evidence.record.now)
    for found in findings_of(subject):
        if found.severity != Severity.NOTE:
            yield AdviceData(None, found.sentence)


def _on_joining(request: Request, findings: Findings, evidence: Evidence) -> Iterator[AdviceData]:
    if not findings.rounds:
        return
    first = findings.rounds[0]
    planned = {fault.member for fault in request.faults}
    missing = [n for n in range(1, request.members + 1) if n not in first.clients and n not in planned]
    if not missing:
        return
    subject, verb, they = ("Member", "was", "it") if len(missing) == 1 else ("Members", "were", "they")
    names = f"{subject} {', '.join(map(str, missing))}"
    late = f"{names} {verb} not in epoch {first.epoch}, which began before {they} joined."
    if evidence.record.first.run_state != RunState.WAITING_FOR_MEMBERS:
        yield AdviceData(None, late)
        return
    needed = request.config.config["init_min_clients"]
    more = f"With a larger init_min_clients (now {needed}), the run waits for more members."
    yield AdviceData("config.init_min_clients", f"{late} {more}")


def _on_rounds(request: Request, findings: Findings) -> Iterator[AdviceData]:
    config, rounds = request.config.config, [one for one in findings.rounds if one.seconds is not None]
    longest = config["max_round_train_time"] + config["round_witness_time"]
    slow = [one for one in rounds if one.seconds is not None and one.seconds >= longest]
    if slow and len(slow) < len(rounds):
        yield AdviceData(
            "config.max_round_train_time",
            f"{len(slow)} of {len(rounds)} rounds lasted the full {longest} s, because the reports of members were "
            f"missing. With a smaller max_round_train_time (now {config['max_round_train_time']} s), a member that is "
            "absent delays the others less until it is dropped.",
        )
    dropped = Counter(number for one in rounds for number in one.dropped)
    for times in sorted(set(dropped.values())):
        members = [str(number) for number, count in sorted(dropped.items()) if count == times]
        subject, earned = ("Member", "it earned") if len(members) == 1 else ("Members", "they earned")
        verb = "was" if len(members) == 1 else "were"
        many, epochs = ("once", "that epoch") if times == 1 else (f"{times} times", "those epochs")
        yield AdviceData(
            None,
            f"{subject} {', '.join(members)} {verb} dropped {many}, so that {earned} nothing in {epochs}. Members join "
            "again when the next epoch begins; shorter epochs (epoch_time) let them return sooner.",
        )
    lost = [one for one in rounds if not one.counted]
    if lost:
        steps = ", ".join(str(one.step) for one in lost[:5]) + (", ..." if len(lost) > 5 else "")
        yield AdviceData(
            None, f"{counted(len(lost), 'round')} trained nothing (step {steps}), because no result counted."
        )


def _on_epochs(request: Request, findings: Findings) -> Iterator[AdviceData]:
    for one in findings.epochs:
        if one.end in ("too-few-clients", "below-quorum", "no-witnesses"):
            yield AdviceData(
                "config.min_clients",
                f"Epoch {one.epoch} ended early ({one.end}) with {one.clients_left} of {one.clients} members. "
                f"min_clients is {request.config.config['min_clients']}.",
            )
    training = [one for one in findings.epochs if one.rounds > 0]
    if training:
        seconds = sum(one.seconds for one in training)
        rounds = sum(one.seconds or 0 for one in findings.rounds)
        if rounds < _HALF * seconds:
            yield AdviceData(
                "config.epoch_time",
                f"Only {rounds / seconds:.0%} of the time was spent in rounds; the rest is waiting, warmup and "
                "cooldown. With a larger epoch_time, an epoch has more rounds.",
            )


def _on_lies(findings: Findings) -> Iterator[AdviceData]:
    for one in findings.lies():
        if not one.steps and one.rounds > 0:
            yield AdviceData(
                None,
                f"Member {one.member} lied in {counted(one.rounds, 'round')} and was not found. A larger --check-share "
                "finds liars sooner.",
            )


def _on_learning(findings: Findings) -> Iterator[AdviceData]:
    losses = [one.loss for one in findings.rounds if one.loss is not None]
    if len(losses) > 1 and losses[-1] >= losses[0]:
        yield AdviceData(
            "model.LLM.lr_schedule",
            f"The loss did not fall: from {losses[0]:.3f} to {losses[-1]:.3f}. The small model of a rehearsal uses the "
            "learning rates of the configuration; check base_lr and warmup_steps.",
        )
