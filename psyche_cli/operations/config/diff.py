"""Compare the configuration of a run with a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psyche_cli.errors import ExitCode
from psyche_cli.operations.config.payloads import DiffData, DifferentValue
from psyche_cli.operations.config.values import shown_value
from psyche_cli.operations.runs.find import find_run
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.run_config.differences import differences
from psyche_cli.run_config.load import RunConfig
from psyche_cli.run_config.rules import is_unset


def diff_config(
    session: Session, *, run_id: str, file: RunConfig, treasurer_index: int | None = None
) -> OperationResult[DiffData]:
    """The keys whose values differ between a run and a file. The exit code of the result is NO if there are any.

    If the run has no configuration, all keys differ. Raises UnsupportedLayout for a run with another configuration.
    """
    run = find_run(session, run_id, treasurer_index)
    run.require_rules_of_v1()
    unset = is_unset(run.account.config)
    config: Mapping[str, Any] = {} if unset else run.account.config
    model: Mapping[str, Any] = {} if unset else run.account.model
    found = [*differences(config, file.config, "config"), *differences(model, file.model, "model")]
    count = "1 value differs" if len(found) == 1 else f"{len(found)} values differ"
    summary = f"Run {run.run_id} has the same configuration as {file.source}."
    if unset:
        summary = f"Run {run.run_id} has no configuration yet."
    elif found:
        summary = f"{count} between run {run.run_id} and {file.source}."
    return OperationResult(
        summary=summary,
        data=DiffData(
            run_id=run.run_id,
            path=str(file.source),
            equal=not found,
            different=tuple(DifferentValue(key=d.key, run=d.before, file=d.after) for d in found),
        ),
        details=tuple((d.key, f"run {shown_value(d.before)}, file {shown_value(d.after)}") for d in found),
        warnings=tuple(problem.message for problem in file.warnings),
        exit_code=ExitCode.NO if found else ExitCode.OK,
    )
