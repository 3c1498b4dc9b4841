"""The C program and the Python model agree, instruction by instruction, on random runs."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st

from psyche_cli.protocol.run_states import RunState

from .differential import NO_STEP, Comparison, Tally

SEQUENCE_LENGTH = 250
COUNTED_LENGTH = 200  # Hypothesis leaves some steps out, and all of them once
MOST_SEQUENCES = 2_000
"""The bound of the search for what Hypothesis did not reach, which usually takes fewer than ten sequences."""
KINDS, RESULTS = 10, 15
"""Every kind of instruction succeeds, and so many different results occur."""

SEQUENCES = st.lists(st.integers(NO_STEP, 2**32 - 1), min_size=SEQUENCE_LENGTH, max_size=SEQUENCE_LENGTH)


def test_program_and_model_agree(instruction_budget: int, random_seed: int) -> None:
    comparison, chance = Comparison(), random.Random(random_seed)

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
    for _ in range(MOST_SEQUENCES):
        if comparison.tally.instructions >= instruction_budget and not missing(comparison.tally):
            break
        comparison.play([chance.randint(1, 2**32 - 1) for _ in range(SEQUENCE_LENGTH)])
    assert comparison.tally.instructions >= instruction_budget
    assert not missing(comparison.tally)


def missing(tally: Tally) -> list[str]:
    """What has not occurred yet."""
    states = [str(state) for state in RunState if not tally.states[state]]
    kinds = [] if sum(count > 0 for count in tally.kinds.values()) == KINDS else [f"kinds: {tally.kinds}"]
    results = [] if len(tally.results) >= RESULTS else [f"results: {tally.results}"]
    return states + kinds + results
