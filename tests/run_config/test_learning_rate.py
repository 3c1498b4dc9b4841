"""The formulas of the published client, at points where their values are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.run_config.learning_rate import learning_rate

WARM = {"base_lr": 0.4, "warmup_init_lr": 0.2, "warmup_steps": 10}
DECAY = {**WARM, "total_steps": 110, "final_lr": 0.1}
STABLE = {
    **WARM,
    "stable_steps": 20,
    "cosine_decay_steps": 40,
    "cosine_decay_final_lr": 0.1,
    "linear_decay_steps": 10,
    "linear_decay_final_lr": 0.05,
}


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("Constant", WARM, {0: 0.2, 5: 0.3, 9: 0.38, 10: 0.4, 11: 0.4, 10**9: 0.4}),
        ("Linear", DECAY, {5: 0.3, 10: 0.4, 60: 0.25, 85: 0.175, 110: 0.1, 111: 0.1, 10**9: 0.1}),
        # A quarter of the way a cosine has lost (1 - cos 45°) / 2 of the difference. It continues after its end.
        ("Cosine", DECAY, {5: 0.3, 10: 0.4, 35: 0.1 + 0.3 * (2 + 2**0.5) / 4, 60: 0.25, 110: 0.1, 160: 0.25, 210: 0.4}),
        (
            "WarmupStableDecay",
            STABLE,
            {5: 0.3, 10: 0.4, 29: 0.4, 30: 0.4, 50: 0.25, 70: 0.1, 75: 0.075, 79: 0.055, 80: 0.05, 10**9: 0.05},
        ),
    ],
)
def test_known_values(kind: str, values: dict[str, Any], expected: dict[int, float]) -> None:
    for step, rate in expected.items():
        assert learning_rate(step, {kind: values}) == pytest.approx(rate, rel=1e-12), step


def test_phases_of_no_steps() -> None:
    none = dict.fromkeys(("warmup_steps", "stable_steps", "cosine_decay_steps", "linear_decay_steps"), 0)
    assert learning_rate(0, {"WarmupStableDecay": {**STABLE, **none}}) == 0.05
    assert learning_rate(0, {"Constant": {**WARM, "warmup_steps": 0}}) == 0.4
    assert learning_rate(10, {"Linear": {**DECAY, "total_steps": 10}}) == 0.1
    assert learning_rate(10, {"Linear": {**DECAY, "total_steps": 5}}) == 0.1


def test_a_cosine_without_steps_divides_by_zero() -> None:
    assert math.isnan(learning_rate(10, {"Cosine": {**DECAY, "total_steps": 10}}))
    assert learning_rate(9, {"Cosine": {**DECAY, "total_steps": 10}}) == 0.38


@given(st.integers(0, 200), st.sampled_from([("Linear", DECAY), ("WarmupStableDecay", STABLE)]))
def test_rates_stay_between_the_given_ones(step: int, schedule: tuple[str, dict[str, Any]]) -> None:
    kind, values = schedule
    rates = [value for key, value in values.items() if key.endswith("_lr")]
    assert min(rates) * (1 - 1e-12) <= learning_rate(step, {kind: values}) <= max(rates)
