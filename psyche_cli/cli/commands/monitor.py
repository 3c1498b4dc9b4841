"""``psyche-cli monitor``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import AlarmStateDir, AllRuns, ReadInterval, RunIds, TreasurerIndex, option
from psyche_cli.cli.sessions import Call, reads
from psyche_cli.errors import UsageError
from psyche_cli.results import Result


@reads(example="psyche-cli monitor --rules rules.toml --run-id my-run", lasts=True)
def command(
    call: Call,
    *,
    rules: Annotated[Path | None, option("--rules", metavar="FILE", help="Rules file (TOML).")] = None,
    run_id: RunIds = None,
    all_runs: AllRuns = False,
    once: Annotated[
        bool, option("--once", help="Check the rules once and end, for cron. The exit code is 1 if an alarm is active.")
    ] = False,
    check: Annotated[bool, option("--check", help="Only check the rules file, offline.")] = False,
    print_example: Annotated[bool, option("--print-example", help="Print an example of a rules file.")] = False,
    interval: ReadInterval = "60s",
    state_dir: AlarmStateDir = None,
    treasurer_index: TreasurerIndex = None,
) -> Callable[[Any], Any] | Result:
    """Check rules about runs, and send notifications of alarms.

    Notifications go to the destinations in the rules file: webhooks and, with the extra notify, all services of
    apprise. Alarms are kept in the state folder, so that nothing is repeated after a restart. The exit code of --once
    is 0 without an alarm, 1 with one, and 10 if the endpoint or a destination failed. docs/monitoring.md describes all
    rules. Does not need a wallet.
    """
    from psyche_cli.cli.watching import ended_by_ctrl_c
    from psyche_cli.operations.monitoring.intervals import parse_interval
    from psyche_cli.operations.monitoring.monitor import (
        check_rules,
        example_rules,
        monitor,
        monitor_once,
        monitor_options,
    )

    environment = call.environment
    if all_runs and "run_id" not in call.typed:
        run_id = None  # the command line takes precedence over the environment
    if print_example:
        return example_rules(as_text=not environment.output.as_json)
    if rules is None:
        raise UsageError("Specify --rules FILE.", hint="For an example: psyche-cli monitor --print-example")
    if check:
        return check_rules(environment, rules)
    seconds = parse_interval(interval)
    options = monitor_options(
        environment,
        rules,
        run_ids=run_id,
        everything=all_runs,
        state_folder=state_dir,
        treasurer_index=treasurer_index,
    )
    report = environment.diagnostics.line
    if once:
        return lambda session: monitor_once(session, options, report)
    from psyche_cli.cli.render import one_line_json, print_line

    def show(change: Any) -> None:
        print_line(environment, one_line_json("monitor", change) if environment.output.as_json else change.summary)

    def run(session: Any) -> Any:
        with ended_by_ctrl_c(True):
            monitor(session, options, seconds=seconds, report=report, show=show)

    return run
