"""One check of all rules: what is read, which alarms begin and end, and what is to be sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.signature import Signature

from psyche_cli.errors import AlarmsDamaged, NetworkError, NotFound, PsycheError
from psyche_cli.json_values import to_json
from psyche_cli.operations.monitoring.alarm_file import Notification
from psyche_cli.operations.monitoring.alarms import Change, Verdict, is_active, next_alarm
from psyche_cli.operations.monitoring.ledger_news import LedgerNews, SignedChange, news_of
from psyche_cli.operations.monitoring.monitor_payloads import AlarmChangeData, AlarmEvidence
from psyche_cli.operations.monitoring.rules import SEVERITIES
from psyche_cli.operations.monitoring.verdicts import (
    OF_ENDPOINT,
    UNKNOWN,
    EndpointFacts,
    RunFacts,
    SeenChange,
    verdicts_of_endpoint,
    verdicts_of_run,
)
from psyche_cli.operations.observe.authority_check import deployments_of
from psyche_cli.protocol.run_states import RunState

if TYPE_CHECKING:
    from psyche_cli.environment import Clock
    from psyche_cli.operations.monitoring.alarm_file import AlarmFile, Alarms
    from psyche_cli.operations.monitoring.reading import Reading, RunReader, RunReading
    from psyche_cli.operations.monitoring.rules import MonitorRule, RulesFile
    from psyche_cli.operations.sessions import Session

BODY_VERSION: Final = 1
"""Version of the body of notifications. It increases when a field is removed or changes its meaning."""

_CLUSTER: Final = ""
"""The run id of what is known about the endpoint and the programs."""
_KEPT_CHANGES: Final = 50
_OF_LOSS: Final = frozenset({"loss_not_a_number", "loss_rising"})
_OF_LEDGER: Final = _OF_LOSS | {"paused", "configuration_changed"}


class Checked(NamedTuple):
    """The result of a check. ``error`` is why the endpoint could not be read, if so."""

    changes: tuple[AlarmChangeData, ...]
    active: tuple[AlarmChangeData, ...]
    unreadable: tuple[str, ...]
    error: PsycheError | None


class _Read(NamedTuple):
    """What was read, before anything is changed."""

    reading: Reading
    genesis: str
    news: dict[str, LedgerNews]
    deployments: dict[str, int] | None


class Checker:
    """Checks the rules of a file for the runs of a reader."""

    def __init__(self, rules: RulesFile, reader: RunReader, file: AlarmFile, clock: Clock) -> None:
        self._rules = rules
        self._reader = reader
        self._file = file
        self._clock = clock
        self._kinds = frozenset(rule.kind for rule in rules.rules)
        self._genesis = ""

    def check(self) -> Checked:
        """Check all rules, and keep their notifications. Raises MonitoringError, UsageError."""
        read, error = None, None
        try:
            read = self._read()
        except NetworkError as caught:
            error = caught
        with self._file.changing() as alarms:
            self._genesis = self._same_cluster(alarms, read)
            found = list(self._of_cluster(alarms, read))
            if read is not None:
                for run in read.reading.runs:
                    found += self._of_run(alarms, run, read)
        unreadable = () if read is None else tuple(run.run_id for run in read.reading.runs if run.problem is not None)
        return Checked(
            changes=tuple(one for one, has_changed in found if has_changed),
            active=tuple(one for one, _ in found if one.event == "fired"),
            unreadable=unreadable,
            error=error,
        )

    # --- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> _Read:
        reading = self._reader.read()
        session = self._reader.session()
        genesis = self._genesis or str(session.rpc.genesis_hash())
        news = {}
        if self._kinds & _OF_LEDGER:
            for run in reading.runs:
                if run.located is not None and run.shown is not None:
                    news[run.run_id] = self._news(session, run)
        deployments = None
        if "program_upgraded" in self._kinds:
            found = deployments_of(session)
            deployments = {name: one.slot for name, one in found.items() if one.slot is not None}
        return _Read(reading, genesis, news, deployments)

    def _news(self, session: Session, run: RunReading) -> LedgerNews:
        assert run.located is not None  # only located runs are passed
        account = run.located.instance.coordinator_account
        with self._file.changing() as alarms:
            known = alarms.fact(run.run_id, "seen")
        after = None
        if known is not None and known["account"] == str(account) and known["signature"] is not None:
            after = (Signature.from_string(known["signature"]), known["slot"])
        news = news_of(session, account, after)
        if news.skipped:
            session.notify(
                f"Run {run.run_id}: too many transactions since the last check; the older ones were not read."
            )
        return news

    @staticmethod
    def _same_cluster(alarms: Alarms, read: _Read | None) -> str:
        known: str = alarms.fact(_CLUSTER, "genesis") or ""
        if read is None:
            return known
        if known and known != read.genesis:
            raise AlarmsDamaged(
                "The alarms of this monitor are those of another cluster.",
                hint="Give the monitor another name: write a key name at the top of its rules file.",
            )
        alarms.keep(_CLUSTER, "genesis", read.genesis)
        return read.genesis

    # --- the endpoint and the programs ----------------------------------------------------------------------------

    def _of_cluster(self, alarms: Alarms, read: _Read | None) -> Iterator[tuple[AlarmChangeData, bool]]:
        facts = self._cluster_facts(alarms, read)
        for rule in self._rules.rules:
            if rule.kind == "endpoint_stale" or (rule.kind == "program_upgraded" and read is not None):
                for subject, verdict in verdicts_of_endpoint(rule, facts):
                    yield from self._step(alarms, rule, _CLUSTER, subject, verdict, facts.now)

    def _cluster_facts(self, alarms: Alarms, read: _Read | None) -> EndpointFacts:
        now = int(self._clock.unix_time())
        newest: int | None = alarms.fact(_CLUSTER, "newest_time")
        if read is not None:
            newest = max(newest or 0, read.reading.clock.unix_timestamp)
        elif newest is None:
            newest = now  # the endpoint has never responded: it counts from the first check
        alarms.keep(_CLUSTER, "newest_time", newest)
        upgrades: list[tuple[str, int, int]] = [
            (one[0], one[1], one[2]) for one in alarms.fact(_CLUSTER, "upgrades") or []
        ]
        if read is not None and read.deployments is not None:
            before = alarms.fact(_CLUSTER, "deployments")
            if before is not None:
                changed = [(name, slot) for name, slot in read.deployments.items() if slot != before.get(name, slot)]
                upgrades = [*upgrades, *((name, slot, now) for name, slot in changed)][-_KEPT_CHANGES:]
            alarms.keep(_CLUSTER, "deployments", {**(before or {}), **read.deployments})
            alarms.keep(_CLUSTER, "upgrades", upgrades)
        return EndpointFacts(max(now - newest, 0), read is not None, now, upgrades)

    # --- runs -----------------------------------------------------------------------------------------------------

    def _of_run(self, alarms: Alarms, run: RunReading, read: _Read) -> Iterator[tuple[AlarmChangeData, bool]]:
        rules = [rule for rule in self._rules.rules if rule.kind not in OF_ENDPOINT]
        now = read.reading.clock.unix_timestamp
        if run.shown is None:
            closed = Verdict(False, "The run was closed.") if isinstance(run.problem, NotFound) else UNKNOWN
            for rule in rules:
                for subject in alarms.subjects(rule.name, run.run_id):
                    yield from self._step(alarms, rule, run.run_id, subject, closed, now)
            if isinstance(run.problem, NotFound):
                alarms.forget_run(run.run_id)
            return
        facts = self._run_facts(alarms, run, read.news.get(run.run_id))
        for rule in rules:
            for subject, verdict in verdicts_of_run(rule, facts):
                yield from self._step(alarms, rule, run.run_id, subject, verdict, now)

    def _run_facts(self, alarms: Alarms, run: RunReading, news: LedgerNews | None) -> RunFacts:
        assert run.shown is not None  # otherwise there are no facts
        assert run.located is not None
        run_id, shown = run.run_id, run.shown
        if news is not None:
            self._keep_news(alarms, run, news)
        losses = alarms.losses(run_id)
        if shown.state in (RunState.ROUND_TRAIN.text, RunState.ROUND_WITNESS.text):
            losses.pop(shown.progress.step, None)  # not all of its witnesses have reported
        pause = alarms.fact(run_id, "pause")
        return RunFacts(
            shown=shown,
            authority=str(run.located.main_authority),
            authority_lamports=run.authority_lamports,
            losses=losses,
            pause=None if pause is None else _signed(pause),
            changes=[SeenChange(_signed(one), at) for one, at in alarms.fact(run_id, "changes") or []],
        )

    def _keep_news(self, alarms: Alarms, run: RunReading, news: LedgerNews) -> None:
        assert run.shown is not None  # it was read
        assert run.located is not None
        run_id, now = run.run_id, run.shown.now
        account = str(run.located.instance.coordinator_account)
        seen = alarms.fact(run_id, "seen")
        is_first = seen is None
        if seen is not None and seen["account"] != account:
            alarms.forget_run(run_id)  # it was closed and created again
            seen = None
        alarms.add_losses(run_id, news.losses)
        if news.pause is not None:
            alarms.keep(run_id, "pause", news.pause)
        if news.changes and not is_first:
            before = alarms.fact(run_id, "changes") or []
            alarms.keep(run_id, "changes", [*before, *((one, now) for one in news.changes)][-_KEPT_CHANGES:])
        signature, slot = news.newest or ((seen["signature"], seen["slot"]) if seen else (None, 0))
        alarms.keep(run_id, "seen", {"account": account, "signature": signature, "slot": slot})

    # --- alarms ---------------------------------------------------------------------------------------------------

    def _step(
        self, alarms: Alarms, rule: MonitorRule, run_id: str, subject: str, verdict: Verdict, now: int
    ) -> Iterator[tuple[AlarmChangeData, bool]]:
        """Update an alarm. Yields it if it is active or has just ended, and whether it has changed."""
        before = alarms.alarm(rule.name, run_id, subject)
        alarm, change = next_alarm(before, rule, verdict, now)
        if alarm != before:
            alarms.set_alarm(rule.name, run_id, subject, alarm)
        if change is None and not is_active(alarm):
            return
        event: Change = change or "fired"
        data = AlarmChangeData(
            event=event,
            rule=rule.name,
            kind=rule.kind,
            severity=rule.severity,
            run_id=run_id or None,
            subject=subject,
            number=alarm.number,
            time=now,
            sentence=verdict.sentence,
            evidence=[AlarmEvidence(*row) for row in verdict.evidence],
        )
        if change is not None:
            for notification in self._notifications(data):
                alarms.notify(notification)
        yield data, change is not None

    def _notifications(self, data: AlarmChangeData) -> Iterable[Notification]:
        least = SEVERITIES.index(data.severity)
        for to in self._rules.destinations:
            if SEVERITIES.index(to.severity) > least:
                continue
            parts: Sequence[object] = (
                self._genesis,
                self._rules.name,
                data.rule,
                data.run_id,
                data.subject,
                data.number,
                data.event,
                to.name,
            )
            key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
            body = {
                "version": BODY_VERSION,
                "id": key,
                "monitor": self._rules.name,
                "cluster": self._genesis,
                "title": title_of(data),
                **to_json(data),  # type: ignore[dict-item]
            }
            yield Notification(key, to.name, self._clock.unix_time(), json.dumps(body))


def title_of(data: AlarmChangeData) -> str:
    """An alarm in a few words, such as ``[warning] run my-run: funding_below``."""
    where = "endpoint" if data.run_id is None else f"run {data.run_id}"
    return f"[{'cleared' if data.event == 'cleared' else data.severity}] {where}: {data.rule}"


def _signed(value: list[object]) -> SignedChange:
    signature, slot, signers, what = value
    return SignedChange(str(signature), int(str(slot)), tuple(map(str, signers)), str(what))  # type: ignore[call-overload]
