"""Checks rules once, or again and again, and sends notifications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from psyche_cli.errors import ExitCode, UsageError
from psyche_cli.operations.monitoring.alarm_file import AlarmFile
from psyche_cli.operations.monitoring.checking import Checked, Checker, title_of
from psyche_cli.operations.monitoring.destinations import Delivered, check_destinations, deliver
from psyche_cli.operations.monitoring.metrics import require_runs
from psyche_cli.operations.monitoring.monitor_payloads import (
    AlarmChangeData,
    ExampleRulesData,
    MonitorData,
    RulesData,
)
from psyche_cli.operations.monitoring.reading import RunReader
from psyche_cli.operations.monitoring.rules_file import read_rules
from psyche_cli.resources import monitoring_path
from psyche_cli.results import OperationResult, PlainText

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.monitoring.rules import RulesFile
    from psyche_cli.operations.sessions import Session


class MonitorOptions(NamedTuple):
    """The rules, the runs (None: all), and the folder of the state."""

    rules: RulesFile
    run_ids: Sequence[str] | None
    state_folder: Path
    treasurer_index: int | None


def monitor_options(
    environment: Environment,
    path: Path,
    *,
    run_ids: Sequence[str] | None,
    everything: bool,
    state_folder: Path | None,
    treasurer_index: int | None,
) -> MonitorOptions:
    """Check the options and the rules file. Raises UsageError, ConfigurationError, MonitoringError."""
    require_runs(run_ids, everything=everything, treasurer_index=treasurer_index)
    rules = _read(environment, path)
    folder = state_folder or environment.state_folder
    return MonitorOptions(rules, None if everything else run_ids, folder, treasurer_index)


def check_rules(environment: Environment, path: Path) -> OperationResult[RulesData]:
    """Check a rules file offline. Raises ConfigurationError, MonitoringError."""
    rules = _read(environment, path)
    data = RulesData(str(path), [one.name for one in rules.rules], [one.name for one in rules.destinations])
    return OperationResult(
        summary=f"The rules file {path} is valid.",
        data=data,
        details=(
            *(("rule", f"{one.name} ({one.severity})") for one in rules.rules),
            *(("destination", f"{one.name} ({one.kind})") for one in rules.destinations),
        ),
    )


def example_rules(*, as_text: bool) -> PlainText[ExampleRulesData] | OperationResult[ExampleRulesData]:
    """An example of a rules file, alone ``as_text``."""
    content = monitoring_path("rules.toml").read_text(encoding="utf-8")
    data = ExampleRulesData(content)
    return PlainText(content, data) if as_text else OperationResult("An example of a rules file.", data)


def monitor_once(
    session: Session, options: MonitorOptions, report: Callable[[str], None]
) -> OperationResult[MonitorData]:
    """Check all rules once, and send the notifications that are due.

    The exit code is NETWORK if the endpoint cannot be read or a destination fails, else NO if an alarm is active. The
    alarms and the notifications are kept. Raises MonitoringError, UsageError.
    """
    with ExitStack() as opened:
        checker, file = _open(session, options, opened)
        checked = checker.check()
        delivered = deliver(file, options.rules.destinations, session.feed.clock, report)
    return _result(checked, delivered)


def monitor(
    session: Session,
    options: MonitorOptions,
    *,
    seconds: int,
    report: Callable[[str], None],
    show: Callable[[Any], None],
) -> None:
    """Check all rules every ``seconds``, and send notifications, until the process is stopped.

    ``show`` prints each alarm that begins or ends, and ``report`` says on stderr when the endpoint or a destination
    begins to fail, and when it responds again. Raises MonitoringError.
    """
    clock = session.feed.clock
    is_lost = False
    with ExitStack() as opened:
        checker, file = _open(session, options, opened)
        while True:
            began = clock.monotonic()
            checked = checker.check()
            for change in checked.changes:
                show(_shown(change))
            if checked.error is not None and not is_lost:
                report(f"The endpoint cannot be read: {checked.error.message}")
            if checked.error is None and is_lost:
                report("The endpoint can be read again.")
            is_lost = checked.error is not None
            deliver(file, options.rules.destinations, clock, report)
            clock.sleep(max(seconds - (clock.monotonic() - began), 0.0))


def _open(session: Session, options: MonitorOptions, opened: ExitStack) -> tuple[Checker, AlarmFile]:
    file = opened.enter_context(AlarmFile(options.state_folder, options.rules.name).opened())
    reader = RunReader(session, options.run_ids, treasurer_index=options.treasurer_index)
    return Checker(options.rules, reader, file, session.feed.clock), file


def _read(environment: Environment, path: Path) -> RulesFile:
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a rules file.", hint="Give a TOML file with --rules.")
    rules = read_rules(path, environment.variables, environment.redactor)
    check_destinations(rules.destinations)
    return rules


def _shown(change: AlarmChangeData) -> OperationResult[AlarmChangeData]:
    return OperationResult(summary=f"{title_of(change)}: {change.sentence}", data=change)


def _result(checked: Checked, delivered: Delivered) -> OperationResult[MonitorData]:
    active = checked.active
    counted = "No alarm is" if not active else "1 alarm is" if len(active) == 1 else f"{len(active)} alarms are"
    ended = [change for change in checked.changes if change.event == "cleared"]
    has_failed = checked.error is not None or bool(delivered.failed)
    return OperationResult(
        summary=f"{counted} active.",
        data=MonitorData(
            active=list(active),
            changes=list(checked.changes),
            unreadable=list(checked.unreadable),
            delivered=delivered.accepted,
            waiting=delivered.waiting,
            failed_destinations=sorted(delivered.failed),
            endpoint_error=None if checked.error is None else checked.error.message,
        ),
        details=tuple((title_of(one), one.sentence) for one in (*active, *ended)),
        warnings=(
            *((f"The endpoint cannot be read: {checked.error.message}",) if checked.error is not None else ()),
            *(f"Run {run_id} does not exist or cannot be decoded." for run_id in checked.unreadable),
            *(f"{name}: {reason}. The next check tries again." for name, reason in sorted(delivered.failed.items())),
        ),
        exit_code=ExitCode.NETWORK if has_failed else ExitCode.NO if active else ExitCode.OK,
    )
