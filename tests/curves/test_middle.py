"""A minority of false values, whatever they are, does not bend a curve."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.curves.middle import middle_of

REPORTED = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def with_lies(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """True values, and fewer false ones, which may be anything finite."""
    true = draw(st.lists(REPORTED, min_size=1, max_size=16))
    return true, draw(st.lists(REPORTED, max_size=len(true) - 1))


@given(with_lies(), st.randoms())
def test_the_median_lies_between_true_values(values: tuple[list[float], list[float]], random: object) -> None:
    true, lies = values
    mixed = [*true, *lies]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    middle = middle_of(mixed)
    assert middle is not None
    assert min(true) <= middle.value <= max(true)
    assert middle.low <= middle.value <= middle.high


@given(with_lies())
def test_the_spread_is_no_wider_than_that_of_the_true_values_and_contains_one(
    values: tuple[list[float], list[float]],
) -> None:
    true, lies = values
    middle = middle_of([*true, *lies])
    assert middle is not None
    assert middle.width <= max(true) - min(true)
    assert any(middle.low <= one <= middle.high for one in true)
    assert 2 * sum(middle.low <= one <= middle.high for one in (*true, *lies)) > len(true) + len(lies)


@given(with_lies(), st.lists(st.sampled_from([math.nan, math.inf, -math.inf]), max_size=16))
def test_values_that_are_no_numbers_are_left_out_unless_they_are_most(
    values: tuple[list[float], list[float]], others: list[float]
) -> None:
    finite = [*values[0], *values[1]]
    expected = middle_of(finite) if len(others) <= len(finite) else None
    assert middle_of([*others, *finite]) == expected


def test_no_values_have_no_middle() -> None:
    assert middle_of([]) is None


@pytest.mark.parametrize(
    ("values", "value", "usual_width", "expected"),
    [
        ([2.0, 2.0, 2.0], 2.4, 0.0, False),  # within a quarter of the median
        ([2.0, 2.0, 2.0], 2.6, 0.0, True),
        ([2.0, 2.0, 2.0], 2.6, 0.2, False),  # within 5 usual widths
        ([2.0, 2.2, 2.4, 2.6], 4.2, 0.0, False),  # 5 widths are 2
        ([2.0, 2.2, 2.4, 2.6], 4.5, 0.0, True),
        ([2.0, 2.2, 2.4, 2.6], -1.0, 0.0, True),
        ([0.0, 0.0], 1e-9, 0.0, True),
    ],
)
def test_what_lies_far_from_the_others(values: list[float], value: float, usual_width: float, expected: bool) -> None:
    middle = middle_of(values)
    assert middle is not None
    assert middle.is_far(value, usual_width) is expected
