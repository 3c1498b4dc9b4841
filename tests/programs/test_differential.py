"""The C program and the Python model agree, instruction by instruction, on random runs."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from psyche_cli.protocol.run_states import RunState

from .differential import NO_STEP, Comparison

SEQUENCE_LENGTH = 250
COUNTED_LENGTH = 200  # Hypothesis leaves some steps out, and all of them once

SEQUENCES = st.lists(st.integers(NO_STEP, 2**32 - 1), min_size=SEQUENCE_LENGTH, max_size=SEQUENCE_LENGTH)


def test_program_and_model_agree(instruction_budget: int, random_seed: int) -> None:
    comparison = Comparison()

    @with_seed(random_seed)
    @settings(
        max_examples=1 - (-instruction_budget // COUNTED_LENGTH),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(numbers=SEQUENCES)
    def play(numbers: list[int]) -> None:
        comparison.play(numbers)

    play()  # a difference is reported with the steps that are needed to see it; the others are 0
    tally = comparison.tally
    assert tally.instructions >= instruction_budget
    assert set(tally.states) == set(RunState)
    assert len(tally.kinds) == 10
    assert all(count > 0 for count in tally.kinds.values()), tally.kinds
    assert len(tally.results) >= 15, tally.results
