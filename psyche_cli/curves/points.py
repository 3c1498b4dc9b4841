"""The points of curves, and fewer of them for drawing."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

Number: TypeAlias = int | float

_NONE: Final = -1
_IN_A_BUCKET: Final = 3
"""Points that are kept of each bucket: the lowest, the highest, and one without a value."""


class Point(NamedTuple):
    """A value of a curve.

    ``step`` is the step of the run, and ``time`` in seconds since 1970, None if the ledger has no time. ``value`` is
    None where a curve has a break. ``low`` and ``high`` enclose what more than half of the witnesses reported, and
    ``witnesses`` is the number of values; these are None for what does not come from witnesses.
    """

    step: int
    time: int | None
    value: Number | None
    low: Number | None = None
    high: Number | None = None
    witnesses: int | None = None


class StepPoints(Sequence[Point]):
    """Points in the order of their steps, in 42 bytes each. A step occurs once. ``whole`` values are integers."""

    def __init__(self, *, whole: bool = False) -> None:
        self._number = int if whole else float
        self._steps, self._times = array("q"), array("q")
        self._values, self._low, self._high = array("d"), array("d"), array("d")
        self._witnesses = array("h")

    def add(self, point: Point) -> None:
        """Add a point after the last one."""
        assert not self._steps or self._steps[-1] < point.step
        self._steps.append(point.step)
        self._times.append(_NONE if point.time is None else point.time)
        for column, value in ((self._values, point.value), (self._low, point.low), (self._high, point.high)):
            column.append(math.nan if value is None else value)
        self._witnesses.append(_NONE if point.witnesses is None else point.witnesses)

    def remove_from(self, step: int) -> int:
        """Remove the points of a step and of later ones. Returns their number."""
        first = bisect_left(self._steps, step)
        removed = len(self) - first
        for column in (self._steps, self._times, self._values, self._low, self._high, self._witnesses):
            del column[first:]
        return removed

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: Any) -> Any:
        """The point at an index, or a list of those in a slice."""
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        time, witnesses = (None if one[index] == _NONE else one[index] for one in (self._times, self._witnesses))
        value, low, high = (
            None if math.isnan(column[index]) else self._number(column[index])
            for column in (self._values, self._low, self._high)
        )
        return Point(self._steps[index], time, value, low, high, witnesses)

    def __iter__(self) -> Iterator[Point]:
        return (self[index] for index in range(len(self)))


def reduced(points: Sequence[Point], most: int) -> list[Point]:
    """At most ``most`` of the points, for drawing; all of them if they are no more.

    The first and the last one are kept, and of each of equally long parts between them the lowest, the highest, and one
    without a value, if there is one. Raises ValueError if ``most`` is less than 5.
    """
    if most < _IN_A_BUCKET + 2:
        raise ValueError("a curve cannot be drawn with so few points")
    if len(points) <= most:
        return [*points]
    inner, buckets = len(points) - 2, (most - 2) // _IN_A_BUCKET
    found = [points[0]]
    for number in range(buckets):
        first, end = (1 + inner * edge // buckets for edge in (number, number + 1))
        found += _extremes([points[index] for index in range(first, end)])
    return [*found, points[-1]]


def _extremes(bucket: Sequence[Point]) -> list[Point]:
    values = [(one.value, index) for index, one in enumerate(bucket) if one.value is not None]
    kept = {index for _, index in (min(values), max(values))} if values else set()
    kept.update([index for index, one in enumerate(bucket) if one.value is None][:1])
    return [bucket[index] for index in sorted(kept)]
