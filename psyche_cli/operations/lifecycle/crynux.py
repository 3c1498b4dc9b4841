"""Validate a group of Crynux tasks as the network does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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

EXAMPLE: Final = "ScoreReady:0a0b0c0d0e0f1011"
"""A task with a score, in the form of the command line."""

_FORM: Final = "STATE[:SCORE][@NUMBER]"
_NUMBER_BITS: Final = 256
"""The size of the contract's integers."""


def crynux_group(
    texts: Sequence[str], *, rules: Rules, kind: ScoreKind, threshold: int
) -> OperationResult[CrynuxGroupData]:
    """The states of three tasks after their group validation.

    Each task is ``STATE[:SCORE][@NUMBER]``: the score is hexadecimal, and the number is its sequence number (contract)
    or execution time (relay). Raises UsageError, which names a task by its position: scores can look like keys, and
    would not be shown.
    """
    tasks = [_task(number, text) for number, text in enumerate(texts, 1)]
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


def _task(number: int, text: str) -> GroupTask:
    before, _, rank = text.partition("@")
    name, colon, digits = before.partition(":")
    state = {one.lower(): one for one in GROUP_STATES}.get(name.lower())
    if state is None:
        raise _invalid(number, f"the state {name!r} is not one of {', '.join(GROUP_STATES)}")
    if (state == "ScoreReady") != bool(colon):
        raise _invalid(number, "a task needs a score in the state ScoreReady, and must not have one in another state")
    try:
        score = bytes.fromhex(digits)
    except ValueError:
        raise _invalid(number, "the score is not hexadecimal, with two digits for each byte") from None
    if colon and not score:
        raise _invalid(number, "the score is empty")
    if "@" in text and not _is_number(rank):
        raise _invalid(number, f"the number after @ is not a non-negative integer of at most {_NUMBER_BITS} bits")
    return GroupTask(state, score, int(rank) if rank else None)


def _is_number(text: str) -> bool:
    longest = len(str(2**_NUMBER_BITS))
    return text.isascii() and text.isdigit() and len(text) <= longest and int(text) < 2**_NUMBER_BITS


def _invalid(number: int, why: str) -> UsageError:
    return UsageError(f"Task {number} is invalid: {why}.", hint=f"Use {_FORM}, such as {EXAMPLE}.")
