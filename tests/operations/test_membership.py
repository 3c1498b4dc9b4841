"""Members: who is in the epoch, who takes part in the next one, and how many rounds each has witnessed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import SetPaused, Tick
from psyche_cli.model.states import CoordinatorState
from psyche_cli.operations.status.membership import Member, membership_of
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.model.random_play import RandomPlay
from tests.model.recording import OWNER, client
from tests.model.stages import Run, cooldown, finished, paused, training, uninitialized, waiting, warmup
from tests.support.counts import repetitions

HEALTHY, DROPPED, WITHDRAWN = ClientState.HEALTHY, ClientState.DROPPED, ClientState.WITHDRAWN


def member(run: Run, number: int) -> Member:
    [found] = [one for one in membership_of(run.state).members if one.client.id == client(number)]
    return found


def joined(run: Run) -> list[int]:
    return [number for number, one in enumerate(membership_of(run.state).members) if one.joined]


def test_a_new_run_has_no_members() -> None:
    found = membership_of(uninitialized().state)
    assert (found.members, found.next_epoch, found.stored_rounds, found.must_join_again) == ((), 0, 0, 0)


def test_a_join_counts_until_the_epoch_begins() -> None:
    run = waiting(0, 1, 2)
    found = membership_of(run.state)
    assert (found.joined, found.pending, found.in_epoch, found.next_epoch) == (3, 3, 0, 0)
    found = membership_of(run.wait(5).tick().is_at(RunState.WARMUP).state)
    assert (found.joined, found.pending, found.in_epoch, found.next_epoch, found.must_join_again) == (0, 0, 3, 1, 3)
    found = membership_of(run.wait(10).tick().is_at(RunState.ROUND_TRAIN).state)
    assert (found.joined, found.in_epoch, found.must_join_again) == (0, 3, 3)
    found = membership_of(run.join(1, 3).state)
    assert (found.joined, found.pending, found.in_epoch, found.must_join_again) == (2, 1, 3, 2)


def test_a_join_during_the_warmup_is_too_late() -> None:
    run = warmup().join(3)
    assert (member(run, 3).is_late, member(run, 3).joined, member(run, 0).is_late) == (True, False, False)
    run.wait(10).tick().is_at(RunState.ROUND_TRAIN)
    assert (member(run, 3).is_late, member(run, 3).joined, membership_of(run.state).late) == (True, False, 1)
    run.join(3)
    assert (member(run, 3).is_late, member(run, 3).joined) == (False, True)


@pytest.mark.parametrize("run", [paused(), finished()])
def test_no_join_counts_in_a_halted_run(run: Run) -> None:
    assert joined(run) == []
    again = 0 if run.state.run_state == RunState.FINISHED else len(run.state.clients)
    assert membership_of(run.state).must_join_again == again
    assert len(run.state.clients) > 0


def test_no_join_counts_if_the_run_is_about_to_pause() -> None:
    run = training().join(0)
    assert joined(run) == [0]
    assert joined(run.do(SetPaused(True))) == []


def test_members_that_leave_have_their_health_and_round() -> None:
    run = training(0, 1, 2, 3)
    for _ in range(2):
        run.play_round("0,1,2")
    run.do(run.accusation(3), client(0).signer)
    assert (member(run, 3).in_epoch, member(run, 3).is_healthy) == (True, False)
    assert (member(run, 3).health, member(run, 3).left_in_round) == (DROPPED, None)
    run.play_round()
    assert (member(run, 3).in_epoch, member(run, 3).health, member(run, 3).left_in_round) == (False, DROPPED, 2)
    assert membership_of(run.state).by_health == {HEALTHY: 3, DROPPED: 1}
    # The next round without a witness ends the epoch: all are withdrawn.
    run.wait(20).tick().wait(3).tick().is_at(RunState.COOLDOWN)
    assert membership_of(run.state).by_health == {WITHDRAWN: 3, DROPPED: 1}
    assert (member(run, 0).in_epoch, member(run, 0).is_healthy, member(run, 0).left_in_round) == (True, False, None)
    run.wait(7).tick().is_at(RunState.WAITING_FOR_MEMBERS)
    assert (member(run, 0).in_epoch, member(run, 0).health, member(run, 0).left_in_round) == (False, WITHDRAWN, 3)
    assert membership_of(run.state).in_epoch == 0


def test_rounds_without_records_are_not_counted() -> None:
    run = warmup().warmup_witness(0)
    assert membership_of(run.state).stored_rounds == member(run, 0).rounds_witnessed == 0
    run = training().witness(2)
    assert (membership_of(run.state).stored_rounds, member(run, 2).rounds_witnessed) == (1, 1)
    assert membership_of(cooldown().state).stored_rounds == 0  # entering Cooldown deletes the records


def set_up_next(state: CoordinatorState, now: int) -> set[bytes]:
    """The wallets in the next epoch if nobody joins or witnesses from now on, in a run with steps and few needed."""
    state = replace(
        state,
        config={**state.config, "init_min_clients": 1, "min_clients": 1, "witness_nodes": 0, "total_steps": 2**32 - 1},
        progress={"epoch": 0, "step": 1, "epoch_start_data_index": 0},
    )
    for _ in range(12):
        now += 1000
        instruction = SetPaused(False) if state.run_state.is_halted else Tick()
        outcome = apply(state, instruction, OWNER, Clock(now, now))
        if not outcome.succeeded:
            return set()
        is_new = outcome.state.run_state == RunState.WARMUP != state.run_state
        state = outcome.state
        if is_new:
            return {one.id.signer for one in state.epoch.clients}
    return set()


def test_random_runs() -> None:
    seen: Counter[str] = Counter()
    for seed in range(repetitions(12)):
        play = RandomPlay(seed)
        # height -> the wallets whose record of that round of the epoch was accepted
        records: defaultdict[int, set[bytes]] = defaultdict(set)
        for step in range(600):
            before = play.state
            _, op, outcome = play.step()
            state = play.state
            if state.run_state == RunState.WARMUP:
                records.clear()
            if outcome.succeeded and op[0] == "witness":
                records[before.current_round.height].add(client(op[1]).signer)
            found = membership_of(state)
            if state.run_state.is_active:
                heights = range(state.current_round.height + 1)[-4:]
                stored = heights[: len(heights) - (state.run_state == RunState.COOLDOWN)]
                assert found.stored_rounds == len(stored)
                truth = Counter(wallet for height in stored for wallet in records[height])
                assert truth == {
                    one.client.id.signer: one.rounds_witnessed for one in found.members if one.rounds_witnessed
                }
                seen["witnessed"] += sum(truth.values())
            if step % 3 == 0:
                expected = set() if found.is_last else set_up_next(state, play.clock.unix_timestamp)
                assert {one.client.id.signer for one in found.members if one.joined} == expected, state.run_state
                seen["joined"] += len(expected)
            if found.is_last:
                tick = apply(state, Tick(), OWNER, Clock(play.clock.unix_timestamp + 1000, 1))
                assert state.run_state == RunState.FINISHED or tick.state.run_state == RunState.FINISHED
                assert found.joined == found.must_join_again == 0
                seen["last"] += 1
    assert min(seen["witnessed"], seen["joined"]) > repetitions(500), seen
    assert seen["last"] > 10, seen
