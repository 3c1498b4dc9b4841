"""Validation of a group of three Crynux tasks.

The tasks are compared in pairs: the first with the second, the first with the third, and the second with the third.
The first pair whose scores match decides. Similarity is not transitive: the remaining task is compared only with the
first one of that pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

DEFAULT_THRESHOLD: Final = 24
"""The contract's default: image scores match if fewer bits than this differ in every block."""

BLOCK_BYTES: Final = 8
"""The size of one perceptual hash in an image score, in bytes."""

GROUP_SIZE: Final = 3
_PAIRS: Final = ((0, 1), (0, 2), (1, 2))
_SCORE, _ERROR, _ABORTED = "ScoreReady", "ErrorReported", "EndAborted"

GROUP_STATES: Final = (_SCORE, _ERROR, _ABORTED)
"""The states in which a task can be validated in a group."""


class Rules(str, Enum):
    """Whose rules are applied: the network's documentation page, the contract, or the relay."""

    PAGE = "page"
    CONTRACT = "contract"
    RELAY = "relay"


class ScoreKind(str, Enum):
    """How scores are compared: images by the Hamming distance of their blocks, texts byte by byte."""

    IMAGE = "image"
    TEXT = "text"


@dataclass(frozen=True)
class GroupTask:
    """A task of a group: its ``state`` (one of GROUP_STATES), its ``score`` if it has one, and its ``rank``.

    The rank is the sequence number for the contract, and the execution time for the relay; None if it is not known.
    """

    state: str
    score: bytes = b""
    rank: int | None = None


class GroupError(ValueError):
    """The group cannot be validated under the rules; the message says why."""


def scores_match(one: bytes, other: bytes, kind: ScoreKind, threshold: int = DEFAULT_THRESHOLD) -> bool:
    """Whether two scores count as equal.

    Image scores must have the same length, a multiple of 8 bytes, and in every block of 8 bytes fewer than
    ``threshold`` bits may differ; with threshold 0, even equal scores do not match.
    """
    if kind is ScoreKind.TEXT:
        return one == other
    if len(one) != len(other) or len(one) % BLOCK_BYTES:
        return False
    blocks = range(0, len(one), BLOCK_BYTES)
    return all(_distance(one[at : at + BLOCK_BYTES], other[at : at + BLOCK_BYTES]) < threshold for at in blocks)


def validate_group(
    tasks: Sequence[GroupTask],
    *,
    rules: Rules = Rules.PAGE,
    kind: ScoreKind = ScoreKind.IMAGE,
    threshold: int = DEFAULT_THRESHOLD,
) -> list[str]:
    """The state of each task after the validation, in the order of ``tasks``.

    The documentation page uses the given order. The contract requires that the task with the lowest sequence number
    comes first. The relay orders them by execution time, the fastest first. Raises GroupError for a group that is not
    of three tasks in GROUP_STATES, or that the contract rejects.
    """
    if len(tasks) != GROUP_SIZE:
        raise GroupError(f"A group has {GROUP_SIZE} tasks, not {len(tasks)}.")
    for task in tasks:
        if task.state not in GROUP_STATES:
            raise GroupError(f"A task in the state {task.state} cannot be validated in a group.")
    order = _order(tasks, rules)
    ordered = [tasks[index] for index in order]

    def match(first: int, second: int) -> bool:
        return scores_match(ordered[first].score, ordered[second].score, kind, threshold)

    results = _results([task.state for task in ordered], match, rules)
    by_task = dict(zip(order, results, strict=True))
    return [by_task[index] for index in range(GROUP_SIZE)]


def _order(tasks: Sequence[GroupTask], rules: Rules) -> list[int]:
    """The indices of the tasks in the order in which they are compared."""
    indices = list(range(GROUP_SIZE))
    ranks = [task.rank for task in tasks]
    if rules is Rules.PAGE or all(rank is None for rank in ranks):
        return indices
    known = [rank for rank in ranks if rank is not None]
    if len(known) < GROUP_SIZE:
        raise GroupError("Either all tasks have a number after @ or none has.")
    if rules is Rules.CONTRACT:
        if known[0] != min(known):
            raise GroupError("The contract rejects this order: the task with the lowest sequence number must be first.")
        return indices
    return sorted(indices, key=lambda index: (known[index], index))


def _results(states: Sequence[str], match: Callable[[int, int], bool], rules: Rules) -> list[str]:
    scored = [index for index, state in enumerate(states) if state == _SCORE]
    failed = [index for index, state in enumerate(states) if state == _ERROR]
    if len(failed) == GROUP_SIZE:
        # The contract and the relay compare the errors like scores, find them equal, and refund the third.
        return [_ABORTED] * GROUP_SIZE if rules is Rules.PAGE else [_ABORTED, _ABORTED, "EndGroupRefund"]
    if len(scored) == 1 and len(failed) == GROUP_SIZE - 1:
        return ["EndInvalidated" if index in scored else _ABORTED for index in range(GROUP_SIZE)]
    pair = next((pair for pair in _PAIRS if set(pair) <= set(scored) and match(*pair)), None)
    if pair is None:
        return [_ABORTED] * GROUP_SIZE
    results = []
    for index, state in enumerate(states):
        if index == pair[0]:
            results.append("GroupValidated")
        elif index == pair[1] or (state == _SCORE and match(pair[0], index)):
            results.append("EndGroupRefund")
        else:
            results.append(_ABORTED if state == _ABORTED else "EndInvalidated")
    return results


def _distance(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
