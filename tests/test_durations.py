from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.durations import format_duration, parse_duration, parse_time_limit, rough_duration
from psyche_cli.errors import UsageError

YEAR = 365 * 86400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("45s", 45),
        ("90", 90),
        ("90m", 5400),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1h0m1s", 3601),
        ("2d", 172800),
        ("1d1h1m1s", 90061),
        ("007", 7),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text, "DURATION", maximum=YEAR) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "-1", "+1", "1.5h", "1h 30m", "30m1h", "1m1m", "1x", "1H", "١", "1e3", "1_000", "0x10", "1h30"],
)
def test_invalid_durations(text: str) -> None:
    with pytest.raises(UsageError, match="DURATION is not a valid duration") as refused:
        parse_duration(text, "DURATION", maximum=YEAR)
    assert "1h30m" in refused.value.hint


@pytest.mark.parametrize("text", ["9" * 33, "9" * 5000])
def test_a_long_text_is_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match=f"of {len(text)} characters"):
        parse_duration(text, "DURATION", maximum=YEAR)


def test_bounds_are_reported_in_the_same_form() -> None:
    assert parse_duration("365d", "DURATION", maximum=YEAR) == YEAR
    with pytest.raises(UsageError, match="but the maximum is 31536000") as refused:
        parse_duration("31536001", "DURATION", maximum=YEAR)
    assert refused.value.hint == "Use at most 365d."


@given(st.integers(0, 10 * YEAR))
def test_a_formatted_duration_can_be_parsed_again(seconds: int) -> None:
    assert parse_duration(format_duration(seconds), "DURATION", maximum=10 * YEAR) == seconds
    assert parse_duration(str(seconds), "DURATION", maximum=10 * YEAR) == seconds


def test_a_time_limit_is_1_second_to_1_hour() -> None:
    assert [parse_time_limit(text) for text in ("1", "90s", "1h")] == [1, 90, 3600]
    assert parse_time_limit("2h", maximum=7200) == 7200
    with pytest.raises(UsageError, match="--timeout must be greater than zero"):
        parse_time_limit("0s")
    with pytest.raises(UsageError, match="--timeout is too long: 3601 is 3601 seconds, but the maximum is 3600"):
        parse_time_limit("3601")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59, "59s"), (3599, "59m59s"), (3661, "1h1m"), (86_399, "23h59m"), (86_400, "1d"), (97_261, "1d3h")],
)
def test_a_rough_duration_has_at_most_two_units(seconds: int, text: str) -> None:
    assert rough_duration(seconds) == text
