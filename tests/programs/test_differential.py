"""The C program and the Python model agree, instruction by instruction, on random lives of runs."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from psyche_cli.protocol.run_states import RunState

from .differential import Comparison

SEQUENCE_LENGTH = 250


def test_program_and_model_agree(instruction_budget: int, random_seed: int) -> None:
    comparison = Comparison()

    @with_seed(random_seed)
    @settings(
        max_examples=-(-instruction_budget // SEQUENCE_LENGTH),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**64 - 1))
    def play(seed: int) -> None:
        comparison.play(seed, SEQUENCE_LENGTH)

    play()  # a difference is reported with the seed and the step
    tally = comparison.tally
    assert tally.instructions >= instruction_budget
    assert set(tally.states) == set(RunState)
    assert len(tally.kinds) == 10
    assert all(count > 0 for count in tally.kinds.values()), tally.kinds
    assert len(tally.results) >= 15, tally.results
