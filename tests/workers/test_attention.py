"""When limits of silence begin anew."""

from __future__ import annotations

import pytest

from psyche_cli.workers.daemon.attention import MOST_SECONDS_BETWEEN_LOOKS, Attention


def test_it_lasts_from_the_start() -> None:
    attention = Attention(100.0)
    for now in (105.0, 110.0, 115.0):
        assert not attention.begin(now)
        attention.end(now)
    assert attention.lasts(15.0)
    assert not attention.lasts(15.1)


@pytest.mark.parametrize("moved", [MOST_SECONDS_BETWEEN_LOOKS + 1, 7200.0, -1.0])
def test_it_begins_anew_when_the_clock_was_moved(moved: float) -> None:
    attention = Attention(100.0)
    attention.begin(105.0)
    attention.end(105.0)
    assert attention.begin(105.0 + moved)
    assert attention.lasts(0.0)
    assert not attention.lasts(0.1)


def test_a_long_look_is_no_interval() -> None:
    attention = Attention(100.0)
    attention.begin(100.0)
    attention.end(400.0)
    attention.begin(400.2)
    assert attention.lasts(300.0)


def test_a_clock_that_is_set_back_during_a_look_is_noticed_by_the_next_one() -> None:
    attention = Attention(100.0)
    attention.begin(7300.0)
    attention.end(100.5)
    assert attention.begin(100.7)
    assert not attention.lasts(0.1)
