from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from psyche_cli.errors import ConfigurationError
from psyche_cli.run_config.batch_size import batch_size, data_index_for_step
from tests.run_config.sample import problems_in


def ramp(start: int, end: int, warmup_tokens: int, total_steps: int = 0) -> dict[str, int]:
    return {
        "global_batch_size_start": start,
        "global_batch_size_end": end,
        "global_batch_size_warmup_tokens": warmup_tokens,
        "total_steps": total_steps,
    }


def model(max_seq_len: int) -> dict[str, Any]:
    return {"LLM": {"max_seq_len": max_seq_len}}


def test_the_ramp_from_3_to_14_over_1000_tokens_is_the_programs() -> None:
    # Known answer: every fifth token from 0 to 1010; how often each size occurs.
    sizes = [batch_size(tokens, ramp(3, 14, 1000)) for tokens in range(0, 1011, 5)]
    lengths = [(size, len(list(group))) for size, group in itertools.groupby(sizes)]
    assert lengths == [
        (3, 10),
        *((size, 18) for size in range(4, 9)),
        (9, 19),
        *((s, 18) for s in range(10, 14)),
        (14, 12),
    ]


def test_halves_are_rounded_away_from_zero() -> None:
    assert batch_size(1, ramp(0, 1, 2)) == 1
    assert batch_size(1, ramp(2, 3, 2)) == 3
    assert batch_size(1, ramp(3, 4, 2)) == 4


def test_without_warmup_tokens_the_end_size_holds_at_once() -> None:
    assert batch_size(0, ramp(3, 14, 0)) == 14


@pytest.mark.parametrize(("tokens", "size"), [(0, 8), (999_999, 16), (1_000_000, 16), (2**64 - 1, 16)])
def test_both_ends_of_a_ramp(tokens: int, size: int) -> None:
    assert batch_size(tokens, ramp(8, 16, 1_000_000)) == size


def test_rounding_is_that_of_64_bit_floats() -> None:
    # Exactly 1 + 122.5, which rounds to 124; in floats it is a little less.
    assert 225 * 2009 / 3690 == 122.5
    assert batch_size(2009, ramp(1, 226, 3690)) == 123


def test_sizes_of_a_real_run() -> None:
    # Three rounds in a row of a public run, with their data indices.
    config = ramp(12288, 32768, 549_755_813_888)
    indices = [219_215_001, 219_244_014, 219_273_029, 219_302_046]
    steps = [after - before for before, after in itertools.pairwise(indices)]
    assert [batch_size(index * 2048, config) for index in indices[:3]] == steps == [29013, 29015, 29017]


# Known answer for a ramp from 4 to 64 over 50,000 tokens with sequences of 64 and 200 steps: size and number of steps.
GROWTH = [
    *((4, 2), (5, 3), (6, 2), (7, 2), (8, 2), (9, 1), (10, 2), (11, 1), (12, 1), (13, 1), (14, 1), (15, 1), (16, 1)),
    *((17, 1), (19, 1), (20, 1), (22, 1), (23, 1), (25, 1), (27, 1), (29, 1), (31, 1), (34, 1), (36, 1), (39, 1)),
    *((42, 1), (45, 1), (49, 1), (53, 1), (57, 1), (61, 1), (64, 161)),
]


def test_data_index_of_every_step_is_the_programs() -> None:
    sizes = [size for size, count in GROWTH for _ in range(count)]
    expected = [0, *itertools.accumulate([0, *sizes])]
    config = ramp(4, 64, 50_000, total_steps=200)
    assert [data_index_for_step(step, config, model(64)) for step in range(201)] == expected[:201]
    assert data_index_for_step(200, config, model(64)) == 11108


@pytest.mark.parametrize("step", [0, 1, 201, 2**32 - 1])
def test_data_index_outside_of_the_run_is_0(step: int) -> None:
    assert data_index_for_step(step, ramp(4, 64, 50_000, total_steps=200), model(64)) == 0


@given(
    start=st.integers(1, 60),
    growth=st.integers(0, 60),
    warmup=st.integers(0, 20_000),
    max_seq_len=st.integers(1, 40),
    step=st.integers(0, 120),
)
def test_data_index_is_the_sum_of_the_batches_before(
    start: int, growth: int, warmup: int, max_seq_len: int, step: int
) -> None:
    config = ramp(start, start + growth, warmup, total_steps=100)
    index = 0
    for _ in range(step - 1 if step <= 100 else 0):
        index += batch_size(index * max_seq_len, config)
    assert data_index_for_step(step, config, model(max_seq_len)) == index


@given(
    start=st.integers(1, 2**16 - 1),
    end=st.integers(1, 2**16 - 1),
    warmup=st.integers(1, 2**64 - 1),
    tokens=st.integers(0, 2**64 - 1),
    more=st.integers(0, 2**64 - 1),
)
def test_sizes_stay_within_the_ramp_and_never_shrink(start: int, end: int, warmup: int, tokens: int, more: int) -> None:
    config = ramp(min(start, end), max(start, end), warmup)
    first, later = batch_size(tokens, config), batch_size(tokens + more, config)
    assert min(start, end) <= first <= later <= max(start, end)


def test_a_run_of_four_billion_steps_is_no_matter() -> None:
    last = 2**32 - 1
    constant = data_index_for_step(last, ramp(7, 7, 2**62, total_steps=last), model(64))
    assert constant == 7 * (last - 1)
    grown = data_index_for_step(last, ramp(1, 3, 2**36, total_steps=last), model(64))
    assert constant // 7 < grown < constant


def test_a_batch_size_of_0_which_the_rules_exclude_never_moves_on() -> None:
    assert data_index_for_step(90, ramp(0, 4, 1000, total_steps=100), model(1)) == 0


def test_more_tokens_than_the_program_can_count() -> None:
    config = ramp(65535, 65535, 0, total_steps=2**32 - 1)
    assert data_index_for_step(65537, config, model(2**32 - 1)) == 65535 * 65536
    with pytest.raises(ConfigurationError) as caught:
        data_index_for_step(65539, config, model(2**32 - 1))
    ((key, rule, message),) = problems_in(caught.value)
    assert (key, rule) == ("progress.step", "DataIndex")
    assert "2^64 tokens" in message
