"""The guards of the machine ``psyche-run`` against the model of the coordinator program."""

from __future__ import annotations

from collections import Counter

import pytest

from psyche_cli.lifecycle.machine import Outlook, Possibility, outlooks
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN, PSYCHE_RUN_OLDER
from psyche_cli.lifecycle.run_facts import facts_of, given_facts
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import SetPaused, Tick
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.run_states import RunState
from tests.model.random_play import RandomPlay
from tests.model.recording import OWNER
from tests.model.stages import STAGES
from tests.support.counts import repetitions

CANNOT_OCCUR = {("Warmup", "WaitingForMembers"), ("Warmup", "Finished")}


def test_two_transitions_cannot_occur() -> None:
    assert {(one.source, one.target) for one in PSYCHE_RUN.transitions if one.note} == CANNOT_OCCUR


def test_by_the_older_rules_a_checkpoint_ends_cooldown() -> None:
    given = ["checkpoint-recorded", "not-cooldown-over", "steps-left", "not-pause-pending"]
    possible = [one.transition.target for one in outlooks(PSYCHE_RUN_OLDER, "Cooldown", given) if is_possible(one)]
    assert possible == ["WaitingForMembers", "Cooldown"]  # the latter is the pause that may be requested


def is_possible(one: Outlook) -> bool:
    return one.possibility is Possibility.POSSIBLE


def predicted(state: CoordinatorState, now: int, trigger: str) -> set[str | None]:
    """The states that the machine says the trigger leads to, other than the current one."""
    source = state.run_state.variant
    found = outlooks(PSYCHE_RUN, source, given_facts(facts_of(state, now)))
    relevant = [one for one in found if one.transition.trigger == trigger and one.transition.target != source]
    assert all(one.possibility is not Possibility.DEPENDS for one in relevant), relevant
    return {one.transition.target for one in relevant if is_possible(one)}


@pytest.mark.parametrize("seed", range(repetitions(20)))
def test_the_guards_predict_what_every_tick_does(seed: int) -> None:
    play, changes = RandomPlay(seed), Counter[tuple[str, str]]()
    for _ in range(300):
        clock, _, _ = play.step()
        for later in (0, 1, 5, 40):
            now = clock[0] + later
            outcome = apply(play.state, Tick(), OWNER, Clock(now, clock[1]))
            if not outcome.succeeded:  # a halted run, or an arithmetic overflow
                continue
            before, after = play.state.run_state.variant, outcome.state.run_state.variant
            assert predicted(play.state, now, "tick") == ({after} if before != after else set())
            changes[before, after] += before != after
    assert sum(changes.values()) > 20


@pytest.mark.parametrize("seed", range(repetitions(20)))
def test_the_guards_predict_what_pausing_and_resuming_does(seed: int) -> None:
    play, resumed = RandomPlay(seed), 0
    for _ in range(300):
        clock, _, _ = play.step()
        for paused in (True, False):
            outcome = apply(play.state, SetPaused(paused), OWNER, Clock(clock[0], clock[1]))
            before, after = play.state.run_state.variant, outcome.state.run_state.variant
            found = predicted(play.state, clock[0], f"set_paused({str(paused).lower()})")
            assert found == ({after} if before != after else set()), (play.state, outcome)
            resumed += not paused and before != after
    assert resumed > 0


@pytest.mark.parametrize("state", RunState)
def test_facts_exist_in_every_state(state: RunState) -> None:
    facts = facts_of(STAGES[state]().state, 10**6)
    assert facts.keys() <= PSYCHE_RUN.conditions_by_name.keys()
    assert {"steps-left", "pause-pending"} <= facts.keys()


def test_a_run_without_configuration_has_facts() -> None:
    assert facts_of(initial_state("run", "1"), 0) == {
        "steps-left": False,
        "pause-pending": False,
        "valid-config": False,
    }
