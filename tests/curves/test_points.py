"""Points in little memory, and fewer points for drawing."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.curves.points import Point, StepPoints, reduced

VALUES = st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def some_points(draw: st.DrawFn, most: int = 60) -> list[Point]:
    steps = draw(st.lists(st.integers(0, 2**32 - 1), unique=True, max_size=most).map(sorted))
    return [
        Point(step, draw(st.none() | st.integers(0, 2**40)), value, value, value, draw(st.none() | st.integers(0, 256)))
        for step in steps
        for value in [draw(VALUES)]
    ]


def kept(points: list[Point]) -> StepPoints:
    found = StepPoints()
    for point in points:
        found.add(point)
    return found


@given(some_points(), st.integers(0, 2**32))
def test_kept_points_are_those_that_were_added(points: list[Point], step: int) -> None:
    found = kept(points)
    assert [*found] == points == found[:]
    assert len(found) == len(points)
    later = [point for point in points if point.step >= step]
    assert found.remove_from(step) == len(later)
    assert [*found] == points[: len(points) - len(later)]


def test_whole_values_are_integers() -> None:
    points = StepPoints(whole=True)
    points.add(Point(3, None, 4))
    assert repr(points[0]) == "Point(step=3, time=None, value=4, low=None, high=None, witnesses=None)"
    assert points[-1] == points[0]


def test_points_take_little_memory() -> None:
    columns = list(vars(kept([Point(step, step, 1.5) for step in range(1000)])).values())
    assert sum(sys.getsizeof(column) for column in columns if hasattr(column, "itemsize")) < 50 * 1000


@given(some_points(most=200), st.integers(5, 80))
def test_the_lowest_and_the_highest_values_are_kept_for_drawing(points: list[Point], most: int) -> None:
    fewer = reduced(points, most)
    assert len(fewer) <= most
    positions = [points.index(one) for one in fewer]
    assert positions == sorted(set(positions))
    if len(points) <= most:
        assert fewer == points
        return
    assert (fewer[0], fewer[-1]) == (points[0], points[-1])
    values, kept_values = ([one.value for one in some if one.value is not None] for some in (points, fewer))
    assert (min(values, default=None), max(values, default=None)) == (
        min(kept_values, default=None),
        max(kept_values, default=None),
    )
    assert any(one.value is None for one in fewer) == any(one.value is None for one in points)


def test_a_spike_in_any_part_is_kept() -> None:
    for spike in range(1, 999):
        points = [Point(step, None, 100.0 if step == spike else 1.0) for step in range(1000)]
        assert points[spike] in reduced(points, 20)


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="so few"):
        reduced([], 4)
