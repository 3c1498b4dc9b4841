"""Explain a run, or a state of runs: what it means, what is wrong, and what to do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from solders.pubkey import Pubkey

from psyche_cli.durations import format_duration
from psyche_cli.errors import AccountError, UsageError
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN
from psyche_cli.model.from_account import state_from_account
from psyche_cli.operations.authorizations.find import decoded_if_taken, time_text
from psyche_cli.operations.authorizations.read import join_filters
from psyche_cli.operations.lifecycle.describe import explain_state as explain_machine_state
from psyche_cli.operations.lifecycle.describe import state_data
from psyche_cli.operations.observe.account_input import read_accounts
from psyche_cli.operations.runs.find import locate_run
from psyche_cli.operations.status.diagnosis.configuration import layout_symptom
from psyche_cli.operations.status.diagnosis.finding import Finding, Severity, counted
from psyche_cli.operations.status.diagnosis.findings import findings_of, is_healthy, unchecked
from psyche_cli.operations.status.diagnosis.payloads import (
    DiagnosisData,
    EvidenceData,
    FindingData,
    RuleData,
    StateDiagnosisData,
    UncheckedRule,
)
from psyche_cli.operations.status.diagnosis.rules import RULES
from psyche_cli.operations.status.diagnosis.subject import Subject
from psyche_cli.operations.status.observation import Observation, addresses_of, observation_of
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import Authorization, decode_authorization
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.layouts.known import layout_named
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import Line, OperationResult
from psyche_cli.solana.raw_account import RawAccount

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.sessions import Session
    from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount

_DISCRIMINATOR: Final = account_discriminator("CoordinatorAccount")
_INDENT: Final = "   "
_LONGEST_NAME: Final = 32
_NEEDS: Final = {
    "time": "the time of the cluster",
    "instance": "the instance of the run",
    "treasury": "the treasurer of the run",
    "authorizations": "the join authorizations",
}


def explain_run(session: Session, *, run_id: str, treasurer_index: int | None = None) -> OperationResult[DiagnosisData]:
    """Diagnose a run.

    Takes two round trips, and a third one for the authorizations of the join authority if not everyone is authorized.
    Raises RunNotFound, AccountNotFound, AccountError, UsageError, NetworkError.
    """
    located = locate_run(session, run_id, treasurer_index)
    grantor = located.instance.join_authority
    addresses = addresses_of(located)
    everyone = authorization_address(grantor, ANYONE, session.programs)
    found = session.rpc.accounts((*addresses, everyone))
    return explain_observation(session, observation_of(located, found[: len(addresses)]), found[-1])


def explain_observation(
    session: Session, observation: Observation, everyone: RawAccount | None
) -> OperationResult[DiagnosisData]:
    """Diagnose a run that was read. ``everyone`` is the account of its authorization for everyone.

    Takes a round trip if not everyone is authorized. Raises AccountError, NetworkError.
    """
    account = observation.run.account
    if not account.has_rules_of_v1:
        return _other_rules(account, observation.now)
    is_finished = account.run_state == RunState.FINISHED
    grantor = observation.run.instance.join_authority
    authorizations = None if is_finished else _authorizations(session, grantor, everyone)
    subject = Subject(
        observation.state,
        run=observation.run,
        now=observation.now,
        authorizations=authorizations,
        given=session.given,
    )
    return _diagnosis(subject)


def explain_file(environment: Environment, path: Path, *, at: int | None = None) -> OperationResult[DiagnosisData]:
    """Diagnose a run from the bytes of its coordinator account in a file, at the time ``at`` in Unix seconds.

    Rules that need what is not known are not checked. Raises UsageError, AccountError.
    """
    given = read_accounts(environment, path, lambda data: data.startswith(_DISCRIMINATOR)).accounts
    found = [one for one in given if len(given) == 1 or one.data.startswith(_DISCRIMINATOR)]
    if len(found) != 1:
        raise UsageError(
            f"The file contains {counted(len(found), 'coordinator account')}; exactly one can be explained.",
            hint="Give the coordinator account of the run. Its address is in the output of json-dump-run.",
        )
    [one] = found
    raw = RawAccount(one.address or Pubkey.default(), PUBLISHED.coordinator, one.lamports or 0, one.data)
    account = decode_coordinator_account(raw)
    since = account.run_state_start_timestamp
    if at is not None and at < since:
        raise UsageError(
            f"--at is before {time_text(since)}, when the run entered its state.",
            hint="Give the time at which the account was saved.",
        )
    if not account.has_rules_of_v1:
        return _other_rules(account, at)
    return _diagnosis(Subject(state_from_account(account, readable=True), now=at, layout=account.layout))


def explain_state(name: str) -> OperationResult[StateDiagnosisData]:
    """What a state of runs means, what ends it, and which findings are possible in it.

    ``name`` is its number, or its name in the program or as shown. Raises UsageError.
    """
    shown = "".join(name.split()).lower()
    variants = {state.text.replace(" ", "").lower(): state.variant for state in RunState}
    explained = explain_machine_state(PSYCHE_RUN.name, variants.get(shown, name))
    state = explained.data.state
    rules = tuple(
        RuleData(
            rule=rule.rule,
            severity=rule.severity.text,
            condition=rule.condition,
            prolongs=any(one.variant == state.state for one in rule.prolongs),
        )
        for rule in RULES
        if any(one.variant == state.state for one in rule.states)
    )

    def body(width: int, utf8: bool) -> Sequence[str | Line]:
        lines = [] if explained.body is None else explained.body(width, utf8)
        return [
            *lines,
            *_rule_lines("What can make it last:", [one for one in rules if one.prolongs], width),
            *_rule_lines("What else explain --run-id can find:", [one for one in rules if not one.prolongs], width),
        ]

    return OperationResult(
        summary=explained.summary,
        data=StateDiagnosisData(explained=explained.data, rules=rules),
        details=explained.details,
        body=body,
    )


def _authorizations(session: Session, grantor: Pubkey, everyone: RawAccount | None) -> list[Authorization]:
    """The active authorization for everyone, or else all authorizations of the join authority that can be decoded."""
    try:
        found = decoded_if_taken(session, everyone)
    except AccountError:
        found = None  # the program does not accept it either
    if found is not None and found.active:
        return [found]
    authorizations = []
    for raw in session.rpc.program_accounts(session.programs.authorizer, join_filters(grantor)):
        try:
            authorizations.append(decode_authorization(raw, session.programs))
        except AccountError as error:
            session.notify(f"Skipped: {error.message}")
    return authorizations


def _diagnosis(subject: Subject) -> OperationResult[DiagnosisData]:
    state = subject.state
    found = findings_of(subject)
    missed = unchecked(subject)
    machine_state = PSYCHE_RUN.states_by_name[state.run_state.variant]
    started = state.run_state_start_timestamp
    since = started if started > 0 else None
    needs = list(dict.fromkeys(rule.needs for rule in missed if rule.needs is not None))

    def body(width: int, _utf8: bool) -> Sequence[str]:
        return [line for number, one in enumerate(found, 1) for line in _finding_lines(number, one, width)][:-1]

    return OperationResult(
        summary=_summary(subject, found),
        data=DiagnosisData(
            run_id=state.run_id,
            state=state_data(machine_state),
            since_unix_timestamp=since,
            at_unix_timestamp=subject.now,
            healthy=is_healthy(found),
            findings=tuple(map(_finding_data, found)),
            not_checked=tuple(UncheckedRule(rule.rule, rule.needs) for rule in missed if rule.needs is not None),
        ),
        details=(
            ("state", shown_state(state.run_state, pausing=state.pending_pause)),
            ("meaning", machine_state.meaning),
            *((("since", _since(since, subject.now)),) if since is not None else ()),
            *((("not checked", f"{counted(len(missed), 'rule')} without {_listed(needs)}"),) if missed else ()),
        ),
        body=body if found else None,
    )


def _other_rules(account: CoordinatorAccount, now: int | None) -> OperationResult[DiagnosisData]:
    """The diagnosis of a run with other rules than those of layout v1: only that it has them."""
    found = Finding("other-layout", Severity.WARNING, *layout_symptom(layout_named(account.layout)))
    machine_state = PSYCHE_RUN.states_by_name[account.run_state.variant]
    started = account.run_state_start_timestamp
    rest = [rule for rule in RULES if account.run_state in rule.states and rule.rule != found.rule]
    return OperationResult(
        summary=f"Run {account.run_id} has layout {account.layout}, whose rules psyche-cli does not know.",
        data=DiagnosisData(
            run_id=account.run_id,
            state=state_data(machine_state),
            since_unix_timestamp=started if started > 0 else None,
            at_unix_timestamp=now,
            healthy=False,
            findings=(_finding_data(found),),
            not_checked=tuple(UncheckedRule(rule.rule, "layout") for rule in rest),
        ),
        details=(("state", shown_state(account.run_state, pausing=account.pending_pause)),),
        body=lambda width, _utf8: _finding_lines(1, found, width)[:-1],
    )


def _finding_data(one: Finding) -> FindingData:
    return FindingData(
        rule=one.rule,
        severity=one.severity.text,
        sentence=one.sentence,
        evidence=tuple(EvidenceData(*row) for row in one.evidence),
        advice=one.advice,
        commands=one.commands,
    )


def _summary(subject: Subject, found: Sequence[Finding]) -> str:
    state = subject.state
    if not is_healthy(found):
        counts = [(severity, sum(one.severity == severity for one in found)) for severity in reversed(Severity)]
        nouns = {Severity.BLOCKING: "blocking problem", Severity.WARNING: "warning", Severity.NOTE: "note"}
        parts = [counted(count, nouns[severity]) for severity, count in counts if count > 0]
        return f"Run {state.run_id} has {_listed(parts)}."
    if state.run_state == RunState.FINISHED:
        return f"Run {state.run_id} is finished."
    rest = "" if subject.has("time") and subject.has("instance") else ", as far as its coordinator account shows"
    if subject.in_epoch:
        last_step = state.config["total_steps"] - 1
        step = min(state.step, last_step)  # the step is one more once all are done
        return (
            f"Run {state.run_id} is healthy{rest}: it is in epoch {subject.epoch}, step {step} of {last_step}, "
            f"with {counted(subject.healthy, 'healthy member')}."
        )
    joined, needed = subject.membership.joined, state.config["init_min_clients"]
    if subject.misses_members:
        return f"Run {state.run_id} is healthy{rest}: {joined} of {needed} members have joined epoch {subject.epoch}."
    have = f"{counted(joined, 'member')} {'has' if joined == 1 else 'have'}"
    return f"Run {state.run_id} is healthy{rest}: {have} joined epoch {subject.epoch}, which is about to begin."


def _since(since: int, now: int | None) -> str:
    lasted = "" if now is None or now < since else f", for {format_duration(now - since)}"
    return f"{time_text(since)}{lasted}"


def _finding_lines(number: int, one: Finding, width: int) -> list[str]:
    """A finding as text: the sentence, its rule, the evidence, the advice and the commands."""
    names = min(max((len(name) for name, _ in one.evidence), default=0), _LONGEST_NAME)
    rows = []
    for name, value in one.evidence:
        rows += textwrap.wrap(
            value,
            width,
            initial_indent=f"{_INDENT}  {name.ljust(names)}  ",
            subsequent_indent=" " * (len(_INDENT) + names + 4),
            break_on_hyphens=False,
        )
    return [
        *textwrap.wrap(one.sentence, width, initial_indent=f"{number}. ".ljust(3), subsequent_indent=_INDENT),
        f"{_INDENT}[{one.severity.text}: {one.rule}]",
        *rows,
        *textwrap.wrap(one.advice, width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False),
        *(f"{_INDENT}  {command}" for command in one.commands),
        "",
    ]


def _rule_lines(title: str, rules: Sequence[RuleData], width: int) -> list[str]:
    """Rules as text, below a title and after an empty line; nothing if there are none."""
    if not rules:
        return []
    lines = ["", title]
    for rule in rules:
        text = f"{rule.rule} ({rule.severity}): {rule.condition.replace('`', '')}"
        lines += textwrap.wrap(text, width, initial_indent="  ", subsequent_indent=" " * 4, break_on_hyphens=False)
    return lines


def _listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b`` or ``a, b and c``."""
    named = [_NEEDS.get(part, part) for part in parts]
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
