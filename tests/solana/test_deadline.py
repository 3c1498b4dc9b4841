"""The deadline of several calls, and its time in messages."""

from __future__ import annotations

import math

import pytest

from psyche_cli.solana.rpc.deadline import Deadline, in_seconds
from tests.solana.scripted import FakeClock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 seconds"),
        (0.34, "0.3 seconds"),
        (1.04, "1 second"),
        (9.94, "9.9 seconds"),
        (9.96, "10 seconds"),
        (10.4, "10 seconds"),
        (118.6, "119 seconds"),
    ],
)
def test_seconds_are_rounded_for_messages(seconds: float, text: str) -> None:
    assert in_seconds(seconds) == text


def test_the_elapsed_time_goes_on_after_the_deadline_and_starts_again_with_it() -> None:
    clock = FakeClock()
    deadline = Deadline(clock, 10, since=clock.now - 3)
    assert (deadline.elapsed, deadline.remaining) == (3, 7)
    clock.sleep(20)
    assert (deadline.elapsed, deadline.remaining) == (23, 0)
    deadline.restart()
    clock.sleep(1)
    assert (deadline.elapsed, deadline.remaining) == (1, 9)


def test_without_a_limit_time_elapses_too() -> None:
    clock = FakeClock()
    deadline = Deadline(clock, math.inf)
    clock.sleep(3)
    assert (deadline.elapsed, deadline.remaining, deadline.passed) == (3, math.inf, False)
