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


PAIRS = ((0, 1), (0, 2), (1, 2))
V, R, X, A = "GroupValidated", "EndGroupRefund", "EndInvalidated", "EndAborted"
BY_PAIRS = {
    # Whether task 1 matches 2, 1 matches 3, and 2 matches 3; then the three results.
    (True, True, True): (V, R, R),
    (True, True, False): (V, R, R),
    (True, False, True): (V, R, X),
    (True, False, False): (V, R, X),
    (False, True, True): (V, X, R),
    (False, True, False): (V, X, R),
    (False, False, True): (X, V, R),
    (False, False, False): (A, A, A),
}
"""Three scores. Similarity is not transitive: in the third row, task 3 is invalidated although it matches task 2."""


def scores_with(matches: tuple[bool, bool, bool]) -> tuple[bytes, bytes, bytes]:
    """Three scores of three blocks: two of them differ in 24 bits of a block of their own if they must not match."""
    scores = [bytearray(24) for _ in range(3)]
    for block, ((_, second), match) in enumerate(zip(PAIRS, matches, strict=True)):
        for index in range(3):  # the third one is 12 bits from both, on the way from one to the other
            bits = 0 if match else (24 if index == second else 0 if index in PAIRS[block] else 12)
            scores[index][block * 8 : block * 8 + 8] = (2**bits - 1).to_bytes(8, "big")
    return bytes(scores[0]), bytes(scores[1]), bytes(scores[2])


@pytest.mark.parametrize("rules", Rules)
@pytest.mark.parametrize(("matches", "results"), BY_PAIRS.items())
def test_three_scores_in_every_relation_and_every_order(
    matches: tuple[bool, bool, bool], results: tuple[str, str, str], rules: Rules
) -> None:
    scores = scores_with(matches)
    assert tuple(scores_match(scores[one], scores[other], ScoreKind.IMAGE) for one, other in PAIRS) == matches
    for ranks in (None, *itertools.product((1, 2, 3), repeat=3)):
        order = [0, 1, 2]
        if rules is Rules.RELAY and ranks:
            order.sort(key=lambda index: (ranks[index], index))
        # ``scores`` are those of the tasks in the order in which they are compared.
        placed = {index: scores[position] for position, index in enumerate(order)}
        tasks = [GroupTask("ScoreReady", placed[index], ranks[index] if ranks else None) for index in range(3)]
        if rules is Rules.CONTRACT and ranks and ranks[0] > min(ranks):
            with pytest.raises(GroupError, match="lowest sequence number must be first"):
                validate_group(tasks, rules=rules)
        else:
            found = validate_group(tasks, rules=rules)
            assert tuple(found[index] for index in order) == results


@pytest.mark.parametrize("rules", Rules)
@pytest.mark.parametrize("pair", PAIRS)
def test_every_block_must_be_below_the_threshold(rules: Rules, pair: tuple[int, int]) -> None:
    """The scores of a pair and an aborted task, one bit below, at and above each threshold, in each of three blocks."""
    for threshold, block in itertools.product(range(66), range(3)):
        for distance in {threshold - 1, threshold, threshold + 1} & set(range(65)):
            other = bytearray(24)
            other[block * 8 : block * 8 + 8] = (2**distance - 1 << 64 - distance).to_bytes(8, "big")
            tasks = [task("aborted")] * 3
            tasks[pair[0]], tasks[pair[1]] = GroupTask("ScoreReady", bytes(24)), GroupTask("ScoreReady", bytes(other))
            wanted = [A] * 3
            if distance < threshold:
                wanted[pair[0]], wanted[pair[1]] = V, R
            assert validate_group(tasks, rules=rules, threshold=threshold) == wanted, (threshold, block, distance)


def test_with_threshold_0_equal_scores_differ() -> None:
    assert validate_group([task("A")] * 3, threshold=0) == [A, A, A]
    assert validate_group([task("A")] * 3, threshold=1) == [V, R, R]


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
