"""Plan what makes a run match its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.errors import ExitCode
from psyche_cli.new_files import require_new_file
from psyche_cli.operations.run_files.payloads import PlanData
from psyche_cli.operations.run_files.plan_file import plan_data, write_plan
from psyche_cli.operations.run_files.target import Target
from psyche_cli.operations.run_files.text import costs_of, lines_of, summary_of
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.run_file.load import parse_run_file
from psyche_cli.run_file.wanted import WantedRun
from psyche_cli.run_file.write import run_file_toml


def as_written(wanted: WantedRun) -> WantedRun:
    """The run as a plan contains it: it is written again, with its configuration."""
    return replace(parse_run_file(run_file_toml(wanted), wanted.source), warnings=wanted.warnings)


def plan_target(
    session: Session,
    target: Target,
    *,
    wallet: Pubkey | None,
    output_file: Path | None = None,
    next_step: str | None = None,
    notes: tuple[str, ...] = (),
) -> OperationResult[PlanData]:
    """What leads to the target, in order, as a document and, with ``output_file``, as a new plan file.

    ``next_step`` is the command that continues, by default apply, and ``notes`` are warnings that come first.
    ``wallet`` is the key that would sign; None for the main authority of the run. The exit code of the result is
    DIFFERS if there is anything to do. Takes three round trips. Raises the errors of ``read_actual``, InvalidAmount,
    UsageError.
    """
    if output_file is not None:
        require_new_file(output_file, what="the output file")
    actual = target.read(session, wallet)
    plan = target.plan(actual)
    data = plan_data(plan, target.wanted, actual, session.rpc.genesis_hash(), target.migration(actual))
    if output_file is not None:
        write_plan(data, output_file)
    lines = list(lines_of(data))
    if next_step is None:
        next_step = session.given.command("apply", str(target.wanted.source if output_file is None else output_file))
    return OperationResult(
        summary=summary_of(data, is_short=plan.lacks > 0),
        data=data,
        details=costs_of(data),
        warnings=(*notes, *target.cautions(actual), *plan.warnings),
        next_steps=(next_step,) if plan.steps and not plan.obstacles else (),
        exit_code=ExitCode.OK if plan.changes_nothing else ExitCode.DIFFERS,
        body=(lambda _width, _utf8: lines) if lines else None,
        folds_body=True,
    )
