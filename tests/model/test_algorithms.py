"""Known answers of the program's functions."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.model.bloom import bit_positions, bloom_of, contains, fnv1a
from psyche_cli.model.committee import CommitteeSelection, expected_witnesses, quorum, swap_or_not
from psyche_cli.model.data_assignment import shuffled, split_batch
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import Committee
from psyche_cli.model.outcomes import Abort, ErrorCode, Refusal
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter


class Known(NamedTuple):
    """Parameters of a selection, its first positions, and hashes of its four lists (positions and roles)."""

    tie_breakers: int
    witness_nodes: int
    verification_percent: int
    total: int
    random_seed: int
    witness_places: list[int]
    committee_places: list[int]
    hashes: tuple[str, str, str, str]


SELECTIONS = [
    Known(10, 20, 30, 100, 12345, [58, 86, 21, 7], [83, 58, 32, 29],
          ("a58a9b3ca11a3cd3", "a568439b2aa20a95", "4b6c543b39ab240e", "4c89cfe5698ed138")),
    Known(0, 0, 0, 5, 0, [2, 3, 1, 0], [0, 1, 3, 2],
          ("f5027c1d6ff1c27b", "c3b3b829e9cae922", "1f68cc4614f44e22", "94b3c9ee836301b9")),
    Known(0, 1, 0, 1, 7, [0], [0],
          ("5feceb66ffc86f38", "6b86b273ff34fce1", "5feceb66ffc86f38", "d4735e3a265e16ee")),
    Known(0, 0, 0, 240, 16045690984503098046, [126, 29, 136, 26], [35, 190, 214, 176],
          ("05b3037f15c47726", "b800706b23a673c1", "ed93cf7ffa7ffaba", "6678802090330933")),
    Known(0, 3, 0, 256, 42, [163, 90, 187, 135], [88, 223, 71, 196],
          ("eea808ee21278721", "09bb0bbe393cd2f4", "dbb37303fe33b51b", "9dca5722e42069b8")),
    Known(2, 4, 50, 17, 2**64 - 1, [0, 15, 2, 14], [14, 4, 6, 15],
          ("35a331858f73839b", "6dbec950270dd933", "adbe0438a0886d64", "033032e362c20f71")),
]  # fmt: skip


def short_hash(values: list[int]) -> str:
    return hashlib.sha256(",".join(map(str, values)).encode()).hexdigest()[:16]


def selection_of(known: Known) -> CommitteeSelection:
    return CommitteeSelection.select(
        tie_breakers=known.tie_breakers,
        witness_nodes=known.witness_nodes,
        verification_percent=known.verification_percent,
        total=known.total,
        random_seed=known.random_seed,
    )


@pytest.mark.parametrize("known", SELECTIONS, ids=lambda known: f"{known.total}-clients")
def test_positions_and_roles_of_a_round(known: Known) -> None:
    selection = selection_of(known)
    witness = [selection.witness_position(i) for i in range(known.total)]
    committee = [selection.committee_position(i) for i in range(known.total)]
    assert witness[:4] == known.witness_places
    assert committee[:4] == known.committee_places
    flags = [int(selection.is_witness(place)) for place in witness]
    duties = [int(selection.committee(place)) for place in committee]
    assert tuple(map(short_hash, (witness, flags, committee, duties))) == known.hashes


def test_seed_of_a_selection() -> None:
    seeds = [selection_of(known).seed.hex()[:8] for known in SELECTIONS]
    assert seeds == ["e1543551", "af5570f5", "aae89fc0", "1049f038", "ed049108", "12a3ae44"]


def test_roles_follow_from_positions() -> None:
    selection = selection_of(SELECTIONS[0])
    duties = [selection.committee(place) for place in range(100)]
    assert duties == [Committee.TIE_BREAKER] * 10 + [Committee.VERIFIER] * 27 + [Committee.TRAINER] * 63


@pytest.mark.parametrize(
    ("tie_breakers", "witness_nodes", "percent", "total"), [(6, 0, 0, 5), (0, 6, 0, 5), (0, 0, 101, 5)]
)
def test_a_selection_that_cannot_be_met(tie_breakers: int, witness_nodes: int, percent: int, total: int) -> None:
    with pytest.raises(Refusal) as refusal:
        CommitteeSelection.select(
            tie_breakers=tie_breakers,
            witness_nodes=witness_nodes,
            verification_percent=percent,
            total=total,
            random_seed=0,
        )
    assert refusal.value.code == ErrorCode.COORDINATOR_ERROR_INVALID_COMMITTEE_SELECTION


@pytest.mark.parametrize(
    ("key", "count", "places"),
    [
        (bytes(32), 10, [9, 7, 4, 1, 8, 0, 5, 6, 3, 2]),
        (b"\1" * 32, 17, [11, 9, 3, 1, 13, 4, 15, 7, 5, 6, 16, 14, 10, 12, 0, 2, 8]),
    ],
)
def test_swap_or_not(key: bytes, count: int, places: list[int]) -> None:
    assert [swap_or_not(i, count, key) for i in range(count)] == places


@given(st.binary(min_size=32, max_size=32), st.integers(1, 40))
def test_swap_or_not_is_a_permutation(key: bytes, count: int) -> None:
    assert sorted(swap_or_not(i, count, key) for i in range(count)) == list(range(count))


@pytest.mark.parametrize(("index", "count"), [(5, 5), (0, 0)])
def test_an_index_beyond_the_end_aborts(index: int, count: int) -> None:
    with pytest.raises(Abort):
        swap_or_not(index, count, bytes(32))


QUORUMS = [
    *(1, 2, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 10, 11, 12, 12, 13),
    *(14, 14, 15, 16, 16, 17, 18, 18, 19, 20, 20, 21, 22, 22, 23, 24, 24, 25, 26, 26),
]


def test_quorum() -> None:
    assert [quorum(99, {"witness_nodes": nodes}) for nodes in range(1, 41)] == QUORUMS
    assert [quorum(received, {"witness_nodes": 0}) for received in range(1, 41)] == QUORUMS


def test_no_witnesses_have_no_quorum() -> None:
    with pytest.raises(Abort):
        quorum(0, {"witness_nodes": 0})


def test_expected_witnesses() -> None:
    assert [expected_witnesses({"witness_nodes": 0}, clients) for clients in (1, 32, 33, 256)] == [1, 32, 32, 32]
    assert expected_witnesses({"witness_nodes": 3}, 256) == 3


@pytest.mark.parametrize(
    ("unix_timestamp", "slot", "seed"),
    [
        (0, 0, 15392584411371816759),
        (1700000000, 250000000, 12327558011139139227),
        (1750470207, 1, 14212457436426518784),
    ],
)
def test_random_seed_of_a_clock(unix_timestamp: int, slot: int, seed: int) -> None:
    assert Clock(unix_timestamp, slot).random_seed == seed


def test_a_time_before_1970_reads_as_a_huge_one() -> None:
    assert Clock(-1, 0).now == 2**64 - 1


KEYS = tuple(range(1, 9))
HELLO = hashlib.sha256(b"hello").digest()


def test_bloom_hashes() -> None:
    assert [fnv1a(key, HELLO) for key in KEYS] == [
        576401586161507266,
        13640248665398144633,
        15213590283841083908,
        6424857800964361379,
        15608330913524187854,
        17873682540543133589,
        1325877815709018320,
        9339613345502696207,
    ]
    assert bit_positions(KEYS, HELLO) == (962, 633, 516, 163, 718, 917, 208, 783)


def test_bits_of_a_bloom() -> None:
    bloom = bloom_of(KEYS, [HELLO])
    set_bits = [64 * word + bit for word in range(16) for bit in range(64) if bloom.bits[word] >> bit & 1]
    assert set_bits == sorted([962, 633, 516, 163, 718, 917, 208, 783])


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_a_bloom_contains_what_was_added(items: list[bytes]) -> None:
    bloom = bloom_of(KEYS, items)
    assert all(contains(bloom, item) for item in items)


def test_what_a_bloom_does_not_contain() -> None:
    bloom = bloom_of(KEYS, [HELLO])
    assert not contains(bloom, bytes(32))
    assert not contains(BloomFilter(), HELLO)
    for bit in bit_positions(KEYS, HELLO):
        words = list(bloom.bits)
        words[bit // 64] &= ~(1 << (bit % 64))
        assert not contains(BloomFilter(KEYS, tuple(words)), HELLO)


def test_shuffle_of_the_trainers() -> None:
    assert shuffled(range(20), 42) == [0, 7, 2, 14, 16, 3, 4, 10, 6, 9, 17, 15, 19, 1, 8, 5, 12, 18, 11, 13]


@given(st.integers(0, 500), st.integers(1, 40), st.integers(0, 2**64 - 1))
def test_a_batch_is_assigned_completely(size: int, trainers: int, seed: int) -> None:
    shares = split_batch(1000, size, range(trainers), seed)
    assert [sequence for _, share in shares for sequence in share] == list(range(1000, 1000 + size))
    assert sorted(trainer for trainer, _ in shares) == list(range(trainers))
    sizes = [len(share) for _, share in shares]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1
