"""Validate a group of Crynux tasks as the network does."""

from __future__ import annotations

from collections.abc import Sequence

from psyche_cli.errors import UsageError
from psyche_cli.lifecycle.crynux_group import (
    GROUP_STATES,
    GroupError,
    GroupTask,
    Rules,
    ScoreKind,
    validate_group,
)
from psyche_cli.operations.lifecycle.payloads import CrynuxGroupData, GroupTaskResult
from psyche_cli.results import OperationResult

_FORM = "STATE[:SCORE][@NUMBER]"


def crynux_group(
    texts: Sequence[str], *, rules: Rules, kind: ScoreKind, threshold: int
) -> OperationResult[CrynuxGroupData]:
    """The states of three tasks after their group validation.

    Each task is ``STATE[:SCORE][@NUMBER]``: the score is hexadecimal, and the number is its sequence number (contract)
    or execution time (relay). Raises UsageError.
    """
    tasks = [_task(text) for text in texts]
    try:
        results = validate_group(tasks, rules=rules, kind=kind, threshold=threshold)
    except GroupError as error:
        raise UsageError(str(error)) from error
    rows = tuple(GroupTaskResult(task.state, after) for task, after in zip(tasks, results, strict=True))
    return OperationResult(
        summary=f"{', '.join(results)}.",
        data=CrynuxGroupData(rules=rules.value, scores=kind.value, threshold=threshold, tasks=rows),
        details=tuple((f"task {number}", f"{row.before} -> {row.after}") for number, row in enumerate(rows, 1)),
    )


def _task(text: str) -> GroupTask:
    before, _, rank = text.partition("@")
    name, colon, digits = before.partition(":")
    state = {one.lower(): one for one in GROUP_STATES}.get(name.lower())
    if state is None:
        raise _invalid(text, f"the state must be one of {', '.join(GROUP_STATES)}")
    if (state == "ScoreReady") != bool(colon):
        raise _invalid(text, "a task needs a score in the state ScoreReady, and must not have one in another state")
    try:
        score = bytes.fromhex(digits)
    except ValueError:
        raise _invalid(text, "the score must be hexadecimal") from None
    if colon and not score:
        raise _invalid(text, "the score is empty")
    if "@" in text and not (rank.isascii() and rank.isdigit()):
        raise _invalid(text, "the number after @ must be a non-negative integer")
    return GroupTask(state, score, int(rank) if rank else None)


def _invalid(text: str, why: str) -> UsageError:
    return UsageError(f"Invalid task {text!r}: {why}.", hint=f"Use {_FORM}, such as ScoreReady:0a0b0c0d0e0f1011.")
