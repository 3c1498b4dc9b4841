"""Parts of curves, and their values at equal distances for drawing."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from psyche_cli.curves.curve import BASE_UNITS, Curve
from psyche_cli.curves.points import Point


def of_steps(curve: Curve, first: int, last: int) -> Curve:
    """The part of a curve that belongs to the steps from ``first`` to ``last``.

    Of values that hold until the next point, it begins with the one that held at ``first``.
    """
    points = curve.points
    if curve.kind.axis == "time":
        inside = [index for index, point in enumerate(points) if first <= point.step <= last]
        if not inside or points[inside[0]].step > first:
            before = [index for index, point in enumerate(points) if point.step < first][-1:]
            inside = [*(index for index in before if index < len(points) - 1), *inside]
        return curve._replace(points=[points[index] for index in inside])
    start = bisect_left(points, first, key=lambda point: point.step)
    end = bisect_right(points, last, key=lambda point: point.step)
    return curve if (start, end) == (0, len(points)) else curve._replace(points=points[start:end])


def in_tokens(curves: Sequence[Curve], decimals: int | None) -> list[Curve]:
    """The curves with tokens in place of base units, if the decimals of the token are known."""
    return [one if decimals is None or one.kind.unit != BASE_UNITS else _divided(one, 10**decimals) for one in curves]


def _divided(curve: Curve, divisor: int) -> Curve:
    points = [point if point.value is None else point._replace(value=point.value / divisor) for point in curve.points]
    return curve._replace(kind=curve.kind._replace(unit="tokens"), points=points)


class Sample(NamedTuple):
    """A part of a curve: the value in its middle, or the last one over time; the lowest and the highest one.

    NaN if it has none.
    """

    value: float
    low: float
    high: float


_NOTHING = Sample(math.nan, math.nan, math.nan)


def samples(points: Sequence[Point], axis: str, most: int) -> list[Sample]:
    """At most ``most`` parts of equal length of the axis of a curve, which is not empty.

    The axis is time in seconds, if all points have one, or steps. Values over time hold until the next point.
    """
    places = places_of(points, axis)
    first, last = places[0], places[-1]
    count = max(1, min(most, last - first + 1))
    parts: list[list[Point]] = [[] for _ in range(count)]
    for place, point in zip(places, points, strict=True):
        parts[min((place - first) * count // (last - first + 1), count - 1)].append(point)
    found: list[Sample] = []
    held: list[Point] = []
    for part in parts:
        found.append(_sample(part or held, axis))
        if axis == "time":
            held = part[-1:] or held
    return found


def places_of(points: Sequence[Point], axis: str) -> list[int]:
    """Where points are on the axis of their curve: the step or the time; the number of the point if times are missing.

    Never decreases.
    """
    if axis == "step":
        return [point.step for point in points]
    times = [point.time for point in points if point.time is not None]
    if len(times) < len(points) or any(one > other for one, other in pairwise(times)):
        return [*range(len(points))]
    return times


def _sample(part: Sequence[Point], axis: str) -> Sample:
    shown = [(point.value, point.low, point.high) for point in part if point.value is not None]
    if not shown:
        return _NOTHING
    value = shown[-1 if axis == "time" else len(shown) // 2][0]
    low = min(one if lower is None else lower for one, lower, _ in shown)
    high = max(one if upper is None else upper for one, _, upper in shown)
    return Sample(float(value), float(low), float(high))
