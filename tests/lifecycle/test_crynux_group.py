"""Group validation of Crynux tasks: the table of the documentation in all orders, thresholds, and the named rules."""

from __future__ import annotations

import itertools

import pytest

from psyche_cli.lifecycle.crynux_group import (
    GROUP_STATES,
    GroupError,
    GroupTask,
    Rules,
    ScoreKind,
    scores_match,
    validate_group,
)

SCORES = {"A": bytes(8), "B": b"\xff" * 8, "C": b"\xff\xff\xff\xff" + bytes(4)}
"""Three scores of which no two match: they differ in at least 32 bits."""

TABLE = [
    # before, after
    ("A A A", "GroupValidated EndGroupRefund EndGroupRefund"),
    ("A A B", "GroupValidated EndGroupRefund EndInvalidated"),
    ("A B C", "EndAborted EndAborted EndAborted"),
    ("A A error", "GroupValidated EndGroupRefund EndInvalidated"),
    ("A B error", "EndAborted EndAborted EndAborted"),
    ("A A aborted", "GroupValidated EndGroupRefund EndAborted"),
    ("A B aborted", "EndAborted EndAborted EndAborted"),
    ("A error error", "EndInvalidated EndAborted EndAborted"),
    ("A error aborted", "EndAborted EndAborted EndAborted"),
    ("A aborted aborted", "EndAborted EndAborted EndAborted"),
    ("error error error", "EndAborted EndAborted EndAborted"),
    ("error error aborted", "EndAborted EndAborted EndAborted"),
    ("error aborted aborted", "EndAborted EndAborted EndAborted"),
    ("aborted aborted aborted", "EndAborted EndAborted EndAborted"),
]


def task(word: str, rank: int | None = None) -> GroupTask:
    state = {"error": "ErrorReported", "aborted": "EndAborted"}.get(word, "ScoreReady")
    return GroupTask(state, SCORES.get(word, b""), rank)


@pytest.mark.parametrize(("before", "after"), TABLE)
@pytest.mark.parametrize("rules", Rules)
def test_the_table_in_all_orders(before: str, after: str, rules: Rules) -> None:
    words, wanted = before.split(), after.split()
    if before == "error error error" and rules is not Rules.PAGE:
        wanted = ["EndAborted", "EndAborted", "EndGroupRefund"]
    for order in itertools.permutations(range(3)):
        placed = [words[index] for index in order]
        found = validate_group([task(word) for word in placed], rules=rules)
        # Of the tasks with matching scores, the one that comes first is validated, wherever the others are.
        by_word = sorted(zip(placed, found, strict=True))
        assert by_word == sorted(zip(words, wanted, strict=True))
        matching = [
            state for word, state in zip(placed, found, strict=True) if word == "A" and before.startswith("A A")
        ]
        assert matching in ([], ["GroupValidated", *["EndGroupRefund"] * (len(matching) - 1)])


def test_the_table_covers_all_combinations_of_states() -> None:
    covered = {tuple(sorted(task(word).state for word in before.split())) for before, _ in TABLE}
    assert covered == {tuple(sorted(states)) for states in itertools.product(GROUP_STATES, repeat=3)}


def test_similarity_is_not_transitive() -> None:
    a, b, c = bytes(8), (2**20 - 1).to_bytes(8, "big"), (2**40 - 1).to_bytes(8, "big")
    near = [scores_match(one, other, ScoreKind.IMAGE) for one, other in ((a, b), (b, c), (a, c))]
    assert near == [True, True, False]
    tasks = {name: GroupTask("ScoreReady", score) for name, score in (("a", a), ("b", b), ("c", c))}
    assert {order: validate_group([tasks[name] for name in order]) for order in ("abc", "bac", "acb", "cab")} == {
        "abc": ["GroupValidated", "EndGroupRefund", "EndInvalidated"],
        "bac": ["GroupValidated", "EndGroupRefund", "EndGroupRefund"],
        "acb": ["GroupValidated", "EndInvalidated", "EndGroupRefund"],
        "cab": ["GroupValidated", "EndInvalidated", "EndGroupRefund"],
    }


@pytest.mark.parametrize("threshold", [0, 1, 2, 23, 24, 25, 64, 65])
@pytest.mark.parametrize("distance", [0, 1, 2, 22, 23, 24, 25, 63, 64])
@pytest.mark.parametrize("block", [0, 1, 2])
def test_every_block_must_be_below_the_threshold(threshold: int, distance: int, block: int) -> None:
    score = bytes(24)
    other = bytearray(score)
    other[block * 8 : block * 8 + 8] = (2**distance - 1).to_bytes(8, "big")
    expected = distance < threshold and threshold > 0
    assert scores_match(score, bytes(other), ScoreKind.IMAGE, threshold) is expected
    tasks = [GroupTask("ScoreReady", score), GroupTask("ScoreReady", bytes(other)), task("aborted")]
    first = validate_group(tasks, threshold=threshold)[0]
    assert first == ("GroupValidated" if expected else "EndAborted")


def test_image_scores_consist_of_whole_blocks_of_the_same_number() -> None:
    assert scores_match(bytes(16), bytes(16), ScoreKind.IMAGE)
    assert not scores_match(bytes(7), bytes(7), ScoreKind.IMAGE)
    assert not scores_match(bytes(8), bytes(16), ScoreKind.IMAGE)


def test_text_scores_are_compared_byte_by_byte() -> None:
    assert scores_match(b"abc", b"abc", ScoreKind.TEXT, threshold=0)
    assert not scores_match(b"abc", b"abd", ScoreKind.TEXT)


def test_the_contract_wants_the_lowest_sequence_number_first() -> None:
    tasks = [task("A", 4), task("A", 9), task("B", 7)]
    assert validate_group(tasks, rules=Rules.CONTRACT) == ["GroupValidated", "EndGroupRefund", "EndInvalidated"]
    with pytest.raises(GroupError, match="lowest sequence number must be first"):
        validate_group([tasks[1], tasks[0], tasks[2]], rules=Rules.CONTRACT)


def test_the_relay_takes_the_fastest_first() -> None:
    tasks = [task("A", 9), task("A", 4), task("A", 4)]
    assert validate_group(tasks, rules=Rules.RELAY) == ["EndGroupRefund", "GroupValidated", "EndGroupRefund"]
    assert validate_group(tasks, rules=Rules.PAGE) == ["GroupValidated", "EndGroupRefund", "EndGroupRefund"]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([task("A")] * 2, "3 tasks, not 2"),
        ([task("A"), task("A"), GroupTask("Validated")], "state Validated cannot be validated"),
        ([task("A", 1), task("A"), task("A", 2)], "all tasks have a number"),
    ],
)
def test_invalid_groups_are_rejected(tasks: list[GroupTask], message: str) -> None:
    with pytest.raises(GroupError, match=message):
        validate_group(tasks, rules=Rules.RELAY)
