"""Compare runs with their files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import ConfigurationError, ExitCode, NetworkError, PsycheError, WalletNotFound
from psyche_cli.json_values import to_json
from psyche_cli.operations.authorizations.find import time_text
from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.authors import authors_of, has_history
from psyche_cli.operations.run_files.payloads import ComparisonError, DriftData, DriftedFile, DriftedValue
from psyche_cli.operations.run_files.planning import Plan, make_plan
from psyche_cli.operations.run_files.reading import read_several
from psyche_cli.operations.run_files.text import change_text
from psyche_cli.operations.sessions import Session
from psyche_cli.results import OperationResult
from psyche_cli.run_file.wanted import WantedRun

_STATES: Final = ("pause", "wait", "resume")
"""Steps that change the state, perhaps only for a while."""
_AT_CREATION: Final = ("join.authority", "treasurer.mint", "treasurer.index")


class FileError(NamedTuple):
    """A run file that cannot be read, and why."""

    path: Path
    error: PsycheError


def find_drift(
    session: Session, files: Sequence[WantedRun | FileError], *, wallet: Pubkey | None, state_folder: Path
) -> OperationResult[DriftData]:
    """How runs differ from their files, and by whom, if the history of the run was read before.

    The exit code of the result is DIFFERS if any differs, and CONFIGURATION if one of several files cannot be compared;
    that of a single file is raised. ``wallet`` is needed for nothing but the join authority of a run that does not
    exist. All runs are read together, in few round trips. Raises NetworkError.
    """
    genesis = str(session.rpc.genesis_hash())
    read = iter(read_several(session, [one for one in files if isinstance(one, WantedRun)], wallet))
    found, lines, warnings = [], list[str](), list[str]()
    for one in files:
        try:
            if isinstance(one, FileError):
                raise one.error
            actual = next(read)
            if isinstance(actual, PsycheError) and not isinstance(actual, WalletNotFound):
                raise actual
            existing = None if isinstance(actual, WalletNotFound) else actual
            file, text, more = _examined(session, one, existing, genesis, state_folder)
            warnings += more
        except NetworkError:
            raise
        except PsycheError as error:
            if len(files) == 1:
                raise
            file, text = _uncompared(one, error)
        found.append(file)
        lines += text
    failed = sum(one.error is not None for one in found)
    drifted = sum(not one.as_written for one in found) - failed
    return OperationResult(
        summary=_summary(len(found), drifted, failed),
        data=DriftData(tuple(found)),
        warnings=tuple(warnings),
        next_steps=tuple(session.given.command("plan", one.path) for one in found if not one.as_written),
        exit_code=ExitCode.CONFIGURATION if failed > 0 else ExitCode.DIFFERS if drifted > 0 else ExitCode.OK,
        body=lambda _width, _utf8: lines,
        folds_body=True,
    )


def _examined(
    session: Session, wanted: WantedRun, actual: ActualRun | None, genesis: str, state_folder: Path
) -> tuple[DriftedFile, list[str], list[str]]:
    """How a run differs from its file, that as text, and warnings. ``actual`` is None if it does not exist."""
    known = has_history(state_folder, genesis, wanted.run_id)
    if actual is not None and actual.run is None:
        actual = None
    changes, warnings = _compared(wanted, actual)
    authors = {}
    if changes and known and actual is not None:
        keys = [change.key for change in changes]
        authors = authors_of(session, wanted.run_id, state_folder, keys, actual.join_authority)
    values = [DriftedValue(one.key, one.before, one.after, authors.get(one.key)) for one in changes]
    file = DriftedFile(str(wanted.source), wanted.run_id, None, not changes, known, tuple(values))
    hint = session.given.command("history", run_id=wanted.run_id) if actual is not None and not known else ""
    named = [f"{wanted.source}: {warning}" for warning in warnings]
    return file, [*_lines(file, 0 if actual is None else actual.decimals, hint)], named


def _uncompared(one: WantedRun | FileError, error: PsycheError) -> tuple[DriftedFile, list[str]]:
    """A file that cannot be compared, and why as text."""
    path = one.path if isinstance(one, FileError) else one.source
    problems = tuple(one["message"] for one in error.problems) if isinstance(error, ConfigurationError) else ()
    why = ComparisonError(error.code, error.message, problems)
    run_id = None if isinstance(one, FileError) else one.run_id
    lines = [f"{path}: cannot be compared: {error.message}"]
    lines += [f"  - {problem}" for problem in problems if problem != error.message]
    return DriftedFile(str(path), run_id, why, False, False, ()), lines


def _compared(wanted: WantedRun, actual: ActualRun | None) -> tuple[list[ChangedValue], tuple[str, ...]]:
    """The values that differ from the file of a run, and warnings.

    A vault that may not be topped up is no difference, since apply would change nothing, but a warning.
    """
    if actual is None:
        return [ChangedValue("run", None, wanted.run_id)], ()
    plan = make_plan(wanted, actual)
    warnings = plan.warnings[len(wanted.warnings) :]
    return [*_changes(plan), *_state(wanted, actual)], warnings


def _changes(plan: Plan) -> Iterator[ChangedValue]:
    """The values that differ, except for the state."""
    for key in _AT_CREATION:
        if key in plan.values and plan.values[key].differs:
            yield ChangedValue(key, plan.values[key].now, plan.values[key].wanted)
    for step in plan.steps:
        if step.kind not in _STATES:
            yield from (replace(one, before=to_json(one.before), after=to_json(one.after)) for one in step.changes)


def _state(wanted: WantedRun, actual: ActualRun) -> Iterator[ChangedValue]:
    """The state, if it differs. A run that is about to pause, or has finished, counts as paused."""
    if wanted.state is not None and (actual.state == "running") != (wanted.state == "running"):
        yield ChangedValue("state", actual.state, wanted.state)


def _summary(files: int, drifted: int, failed: int) -> str:
    cannot = f", and {failed} of the files cannot be compared" if failed > 1 else ", and 1 cannot be compared"
    end = f"{cannot if failed > 0 else ''}."
    if drifted == 0:
        all_match = "The run matches its file" if files == 1 else f"All {files - failed} runs match their files"
        return f"{all_match if failed == 0 else f'{files - failed} of {files} runs match their files'}{end}"
    if files == 1:
        return "The run differs from its file."
    return f"{drifted} of {files} runs {'differs from its file' if drifted == 1 else 'differ from their files'}{end}"


def _lines(file: DriftedFile, decimals: int, hint: str) -> Iterator[str]:
    """The values of a file that differ. ``hint`` is the command that reads the history of the run."""
    if file.as_written:
        yield f"{file.path}: run {file.run_id} matches."
        return
    count = "1 value differs" if len(file.different) == 1 else f"{len(file.different)} values differ"
    yield f"{file.path}: {count} in run {file.run_id} (run -> file):"
    for one in file.different:
        yield f"  {one.key}: {change_text(ChangedValue(one.key, one.run, one.file), decimals)}"
        author = one.changed_by
        if author is not None:
            role = f" ({author.role})" if author.role else ""
            when = "" if author.time is None else f", {time_text(author.time)}"
            yield f"    changed by {author.by}{role} in transaction {author.signature}{when}"
    if hint:
        yield f"  To see who changed it, read the history of the run: {hint}"
