"""Whether a run can still reach a goal, compared with random runs of the model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psyche_cli.operations.status.goals import Goal, members_of
from psyche_cli.protocol.run_states import RunState
from tests.model import stages
from tests.model.random_play import RandomPlay
from tests.support.counts import repetitions

GOALS = [Goal(states=(state,)) for state in RunState] + [
    Goal(**{name: value})  # type: ignore[arg-type]  # of these names
    for name in ("step", "epoch", "members")
    for value in (1, 2, 3, 5, 8, 300)
]


@settings(max_examples=repetitions(40))
@given(st.integers(0, 2**32 - 1))
def test_what_is_reached_was_never_called_impossible(seed: int) -> None:
    """Until the owner changes the configuration or the progress, which the verdict excludes."""
    play = RandomPlay(seed)
    impossible: set[int] = set()
    for _ in range(120):
        before = play.state
        play.step()
        state = play.state
        if (before.config, before.model) != (state.config, state.model) or _is_set(before, state):
            impossible.clear()
        for number, goal in enumerate(GOALS):
            if goal.is_reached(state):
                assert number not in impossible, goal
            elif goal.obstacle(state):
                impossible.add(number)


def _is_set(before: Any, after: Any) -> bool:
    halted = before.run_state.is_halted and after.run_state.is_halted
    return bool(halted and before.progress != after.progress)


def finished_soon() -> stages.Run:
    """A run in Cooldown, after its last step."""
    run = stages.training(0, 1, 2, total_steps=2)
    for member in (0, 1, 2):
        run.witness(member)
    return run.wait(3).tick().is_at(RunState.COOLDOWN)


@pytest.mark.parametrize(("goal", "possible"), [
    (Goal(states=(RunState.FINISHED,)), True),
    (Goal(states=(RunState.PAUSED,)), True),
    (Goal(states=(RunState.WAITING_FOR_MEMBERS,)), False),
    (Goal(states=(RunState.WARMUP, RunState.FINISHED)), True),
    (Goal(epoch=1), True),
    (Goal(epoch=2), False),
    (Goal(step=3), False),
])  # fmt: skip
def test_after_the_last_step(goal: Goal, possible: bool) -> None:
    assert (goal.obstacle(finished_soon().state) == "") is possible


def test_a_run_without_configuration_can_still_get_one() -> None:
    state = stages.Run().state
    assert [goal for goal in GOALS if goal.obstacle(state) and not goal.is_reached(state)] == []


def test_a_paused_run_without_steps_left_cannot_be_resumed() -> None:
    run = stages.uninitialized(total_steps=1)
    assert "because no steps are left" in Goal(members=1).obstacle(run.state)


def test_members_are_counted_in_the_epoch_and_for_the_next_one() -> None:
    assert members_of(stages.waiting(0, 1).state) == 2
    run = stages.training(0, 1, 2)
    assert members_of(run.state) == 3
    assert members_of(run.join(0, 1, 2, 3).state) == 4


def test_a_limit_below_the_members_has_no_effect() -> None:
    run = stages.training(0, 1, 2)
    run.state.config["global_batch_size_end"] = 2  # type: ignore[index]  # a dict
    assert Goal(members=200).obstacle(run.state) == ""
    assert "at most 256 wallets" in Goal(members=257).obstacle(run.state)


@pytest.mark.parametrize(("goal", "text"), [
    (Goal(states=(RunState.WARMUP, RunState.PAUSED)), "Warmup or Paused"),
    (Goal(step=1), "step 1"), (Goal(epoch=0), "epoch 0"), (Goal(members=1), "1 member"), (Goal(members=2), "2 members"),
])  # fmt: skip
def test_texts(goal: Goal, text: str) -> None:
    assert goal.text == text
