"""The machine ``psyche-run-older`` against the model with the older rules: every move is allowed, and all occur."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from psyche_cli.lifecycle.machine import Possibility, Transition, outlooks
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN_OLDER
from psyche_cli.lifecycle.run_facts import facts_of, given_facts
from psyche_cli.model.instructions import Checkpoint, FreeCoordinator, Instruction, SetPaused
from psyche_cli.model.outcomes import ErrorCode, Outcome
from psyche_cli.model.simulation.behavior import Behavior, Change
from psyche_cli.model.simulation.world import OWNER, World
from psyche_cli.model.states import CoordinatorState, OlderState
from psyche_cli.protocol.run_states import RunState
from tests.model.recording import checkpoint_of
from tests.model.simulated import Scenario

TRIGGERS = {
    "Tick": "tick",
    "Witness": "witness",
    "WarmupWitness": "warmup_witness",
    "Checkpoint": "checkpoint",
    "FreeCoordinator": "free_coordinator",
}


class Watch:
    """Finds the transitions that each instruction makes, and fails if the machine does not allow one."""

    def __init__(self, world: World) -> None:
        self.world, self.found = world, set[Transition]()
        self.found |= {one for one in PSYCHE_RUN_OLDER.transitions if one.source is None}  # how every run begins
        world.observe = self.observe

    def observe(self, before: CoordinatorState, instruction: Instruction, _: bytes, outcome: Outcome) -> None:
        if not outcome.succeeded:
            return
        after = outcome.state
        trigger = TRIGGERS.get(type(instruction).__name__, "tick")
        if isinstance(instruction, SetPaused):
            trigger = f"set_paused({str(instruction.paused).lower()})"
        source, target = before.run_state.variant, None if after.closed else after.run_state.variant
        is_recorded = isinstance(after, OlderState) and after.checkpointed and trigger == "checkpoint"
        if source == target and after.pending_pause == before.pending_pause and not is_recorded:
            return
        possible = [
            one.transition
            for one in outlooks(PSYCHE_RUN_OLDER, source, given_facts(self.facts(before, instruction)))
            if one.possibility is Possibility.POSSIBLE or one.missing == ("not-has-treasurer",)
        ]
        moves = {one for one in possible if one.target == target and one.trigger in (trigger, "tick")}
        own = {one for one in moves if one.trigger == trigger} or moves
        assert own, (source, target, trigger, possible)
        self.found |= own

    def facts(self, before: CoordinatorState, instruction: Instruction) -> dict[str, bool]:
        """The facts before an instruction; a record that completes the expected ones counts as sent.

        The model allows every client of the epoch to record a checkpoint.
        """
        facts = {**facts_of(before, self.world.now), "allowed-checkpointer": True}
        name = {"Witness": "all-witnessed", "WarmupWitness": "warmup-reported"}.get(type(instruction).__name__)
        if name in facts:
            return {**facts, name: True}
        return facts


def lives(seed: int) -> Watch:
    """A run with random members and an owner who pauses, resumes and at last closes it."""
    pick = random.Random(seed)
    steps = pick.choice([4, 30])
    config = {
        "total_steps": steps,
        "min_clients": 2,
        "init_min_clients": 3,
        "witness_nodes": pick.choice([0, 2]),
        "cooldown_time": 6,
    }
    change = Change(pick.randrange(2, steps), dropping=pick.randrange(1, 5))
    behavior = Behavior(
        train_seconds=pick.choice([None, 2]),
        warmup_seconds=pick.choice([None, 2]),
        checkpoint_seconds=pick.choice([None, 2]),
    )
    changes = (change, Change(change.step + 1, joining=4)) if pick.random() < 0.5 else ()
    world = Scenario(config, 4, behavior, changes, rounds_per_epoch=pick.randrange(1, 6)).world()
    watch = Watch(world)
    if pick.random() < 0.1:
        world.do(FreeCoordinator())
        return watch
    world.do(SetPaused(paused=False))
    for _ in range(200):
        world.play()
        world.now += 1
        if pick.random() < 0.03:
            world.do(SetPaused(paused=pick.random() < 0.5))
        if world.state.run_state.is_halted and pick.random() < 0.1:
            world.do(FreeCoordinator())
            break
    return watch


def test_all_transitions_occur_and_no_others() -> None:
    found = set[Transition]().union(*(lives(seed).found for seed in range(120)))
    assert found == {one for one in PSYCHE_RUN_OLDER.transitions if not one.note}


def in_cooldown() -> World:
    world = Scenario({"total_steps": 9}, 3, rounds_per_epoch=1).world()
    world.do(SetPaused(paused=False))
    while world.state.run_state != RunState.COOLDOWN:
        world.play()
        world.now += 1
    return world


def test_a_checkpoint_is_recorded_once_and_only_in_cooldown() -> None:
    world = in_cooldown()
    member = next(iter(world.members))
    upload = Checkpoint(checkpoint_of("hub:new"))
    assert world.attempt(upload, OWNER).error == ErrorCode.SIGNER_NOT_A_CLIENT
    recorded = world.do(upload, member)
    assert recorded.succeeded
    assert recorded.state.run_state == RunState.COOLDOWN
    assert world.attempt(upload, member).error == ErrorCode.COORDINATOR_ERROR_INVALID_RUN_STATE
    world.play()
    assert world.state.run_state == RunState.WAITING_FOR_MEMBERS
    assert world.attempt(upload, member).error == ErrorCode.COORDINATOR_ERROR_INVALID_RUN_STATE


@pytest.mark.parametrize(("before", "after"), [("Hub", "P2P"), ("Gcs", "Gcs"), ("Dummy", "Dummy")])
def test_only_a_hub_checkpoint_becomes_p2p_when_cooldown_begins(before: str, after: str) -> None:
    world = Scenario({"total_steps": 9}, 3, rounds_per_epoch=1).world()
    checkpoint = {before: {"repo_id": "a/b", "bucket": "b"}}
    world.state = replace(world.state, model={"LLM": {**world.state.model["LLM"], "checkpoint": checkpoint}})
    world.do(SetPaused(paused=False))
    while world.state.run_state != RunState.COOLDOWN:
        assert before in world.state.model["LLM"]["checkpoint"]
        world.play()
        world.now += 1
    assert list(world.state.model["LLM"]["checkpoint"]) == [after]
