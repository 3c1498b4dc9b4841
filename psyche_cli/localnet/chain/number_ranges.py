"""Sets of transaction numbers as sorted, disjoint ranges of (first, last), both inclusive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

_BEYOND = 1 << 62


def contains(ranges: Ranges, number: int) -> bool:
    """Whether a number is in one of the ranges."""
    at = bisect_right(ranges, (number, _BEYOND)) - 1
    return at >= 0 and number <= ranges[at][1]


def size(ranges: Ranges) -> int:
    """How many numbers the ranges contain."""
    return sum(last - first + 1 for first, last in ranges)


def clipped(ranges: Ranges, first: int, last: int) -> Ranges:
    """The part of the ranges from ``first`` to ``last``."""
    start = max(bisect_right(ranges, (first, _BEYOND)) - 1, 0)
    found = []
    for begin, end in ranges[start:]:
        if begin > last:
            break
        if max(begin, first) <= min(end, last):
            found.append((max(begin, first), min(end, last)))
    return tuple(found)


def union(sets: Iterable[Ranges]) -> Ranges:
    """The numbers that are in any of the sets."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(item for ranges in sets for item in ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def gaps(ranges: Ranges, first: int, last: int) -> Ranges:
    """The numbers from ``first`` to ``last`` that are not in the ranges."""
    found, begin = [], first
    for start, end in clipped(ranges, first, last):
        if begin < start:
            found.append((begin, start - 1))
        begin = end + 1
    if begin <= last:
        found.append((begin, last))
    return tuple(found)


def newest(ranges: Ranges, count: int) -> int:
    """The first of the newest ``count`` numbers; that of all if there are fewer. The ranges must not be empty."""
    for first, last in reversed(ranges):
        if count <= last - first + 1:
            return last - count + 1
        count -= last - first + 1
    return ranges[0][0]
