"""The file that apply is given: a run file, or a plan that contains one."""

from __future__ import annotations

import shlex
from pathlib import Path

from psyche_cli.errors import UsageError
from psyche_cli.operations.run_files.plan_file import ReviewedPlan, is_plan, read_plan
from psyche_cli.run_file.load import parse_run_file, read_run_text
from psyche_cli.run_file.wanted import WantedRun


def read_run_file(path: Path) -> WantedRun:
    """The run that a run file describes. Raises ConfigurationError; UsageError for a plan."""
    text = read_run_text(path)
    if is_plan(text) and '"run_file"' in text:
        raise UsageError(
            f"{path} is a plan, not a run file.",
            hint=f"To carry it out: psyche-cli apply {shlex.quote(str(path))}",
            path=str(path),
        )
    return parse_run_file(text, path)


def read_given(path: Path) -> tuple[WantedRun, ReviewedPlan | None]:
    """The run that a file describes, and the plan in it if it is one.

    Raises ConfigurationError for a run file, UsageError for a plan that was changed.
    """
    text = read_run_text(path)
    if not is_plan(text):
        return parse_run_file(text, path), None
    reviewed = read_plan(text, path)
    return parse_run_file(reviewed.run_file, path), reviewed
