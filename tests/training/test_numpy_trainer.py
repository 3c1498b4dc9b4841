"""The numpy trainer: it learns, the same way every time and everywhere."""

from __future__ import annotations

import math

import pytest

from tests.training.runs import example, open_members, train_together

LN_256 = math.log(256)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_loss_falls_by_half_within_two_epochs_of_the_minimal_example(seed: int) -> None:
    members = open_members(4, seed=seed)
    assert members[0].evaluate().loss == pytest.approx(LN_256)
    found = train_together(members, example(), 26, seed)
    assert found.losses[0] == pytest.approx(LN_256)
    assert members[0].evaluate().loss < LN_256 / 2
    assert members[0].evaluate().accuracy > 0.2


def test_one_seed_gives_the_same_weights_in_every_run() -> None:
    first = train_together(open_members(3), example(), 4)
    assert train_together(open_members(3), example(), 4) == first
    assert train_together(open_members(3, seed=2), example(), 4) != first
