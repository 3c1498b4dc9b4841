"""Ranges of numbers, compared with sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.localnet.chain.number_ranges import Ranges, clipped, contains, gaps, newest, size, union

NUMBERS = st.integers(min_value=1, max_value=30)
SETS = st.sets(NUMBERS)


def ranges_of(numbers: set[int]) -> Ranges:
    return union([tuple((number, number) for number in sorted(numbers))])


def numbers_in(ranges: Ranges) -> set[int]:
    assert list(ranges) == sorted(ranges)
    found = {number for first, last in ranges for number in range(first, last + 1)}
    assert size(ranges) == len(found)
    return found


@given(SETS, SETS, NUMBERS, NUMBERS)
def test_ranges_are_sets(some: set[int], other: set[int], first: int, last: int) -> None:
    ranges = ranges_of(some)
    between = set(range(first, last + 1))
    assert numbers_in(ranges) == some
    assert {number for number in range(32) if contains(ranges, number)} == some
    assert numbers_in(union([ranges, ranges_of(other)])) == some | other
    assert numbers_in(clipped(ranges, first, last)) == some & between
    assert numbers_in(gaps(ranges, first, last)) == between - some


@given(SETS.filter(bool), st.integers(min_value=1, max_value=40))
def test_newest_numbers(some: set[int], count: int) -> None:
    assert newest(ranges_of(some), count) == sorted(some)[-min(count, len(some))]
