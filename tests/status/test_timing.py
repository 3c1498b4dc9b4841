"""The times at which states and epochs end, compared with the model under members that tick in every second."""

from __future__ import annotations

from random import Random

import pytest

from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import SetPaused
from psyche_cli.model.outcomes import Outcome
from psyche_cli.operations.status.timing import OVERDUE_AFTER, StepPace, Timing, timing_of
from psyche_cli.protocol.run_states import RunState
from tests.model.random_play import RandomPlay
from tests.model.recording import instruction_of
from tests.model.stages import STAGES, Run, cooldown, paused, training, uninitialized, waiting, warmup, witnessing

_PATIENCE = 60


class Watched(RandomPlay):
    """A random run that continues with members only: they tick in every second, and sometimes join or report."""

    def until_state_ends(self, timing: Timing) -> int | None:
        """The time at which the state ends; None if it does not within the time of the test."""
        before, start = self.state.run_state, self.clock.unix_timestamp
        latest = timing.latest or 0
        for now in range(start, max(start, latest) + _PATIENCE):
            self.clock = Clock(now, self.clock.slot + 2)
            others = [self._member_operation() for _ in range(self.random.choice([0, 0, 0, 0, 1, 2]))]
            for operation in [*others, ["tick"]]:
                instruction, signer = instruction_of(operation)
                self.state = apply(self.state, instruction, signer, self.clock).state
                if self.state.run_state != before:
                    return now
        return None

    def tick(self) -> Outcome:
        """The outcome of a tick now."""
        instruction, signer = instruction_of(["tick"])
        return apply(self.state, instruction, signer, self.clock)

    def _member_operation(self) -> list[str]:
        kind = "warmup" if self.state.run_state == RunState.WARMUP else "witness"
        return self.random.choice([self._join(), self._witness(kind), self._health(), self._checkpoint()])


@pytest.mark.parametrize("seeds", [range(at, at + 25) for at in (0, 1000)], ids=str)
def test_no_state_ends_before_the_earliest_or_after_the_latest_time(seeds: range) -> None:
    ended: dict[RunState, int] = {}
    for seed in seeds:
        play = Watched(seed)
        for _ in range(Random(seed).randrange(30, 150)):
            play.step()
        while play.state.run_state.is_halted and play.state.run_state != RunState.FINISHED:
            play.step()
        for _ in range(6):
            state, now = play.state, play.clock.unix_timestamp
            timing = timing_of(state, now)
            end = play.until_state_ends(timing)
            if state.run_state.is_halted:
                assert (timing.earliest, timing.latest, end) == (None, None, None), seed
                break
            if end is None and timing.latest is None:
                assert timing.waits_for == "members", seed
                break
            if end is None:  # the epoch or the data index is beyond its range
                assert play.tick().abort is not None, (seed, state.run_state)
                break
            assert timing.earliest is not None
            assert timing.earliest <= end, (seed, state.run_state)
            assert timing.latest is None or end <= max(timing.latest, now), (seed, state.run_state)
            ended[state.run_state] = ended.get(state.run_state, 0) + 1
    assert len(ended) == 5
    assert min(ended.values()) >= 5, ended


@pytest.mark.parametrize("seed", range(60))
def test_an_epoch_ends_between_its_bounds_and_the_estimate_of_a_steady_run_is_right(seed: int) -> None:
    random = Random(seed)
    steady = random.choice([None, random.randrange(1, 15)])
    config = {
        "epoch_time": random.choice([31, 60, 200, 500]),
        "warmup_time": random.choice([0, 3, 30]),
        "cooldown_time": random.choice([1, 9]),
        "max_round_train_time": random.choice([15, 30]),
        "round_witness_time": random.choice([1, 4]),
        "total_steps": random.choice([3, 6, 15, 400]),
    }
    run = warmup(**config)
    seen: list[tuple[Timing, int]] = []
    step_at_start = run.state.step
    while run.stage != RunState.WAITING_FOR_MEMBERS and run.stage != RunState.FINISHED:
        seen.append((timing_of(run.state, run.now), run.state.step))
        if run.state.run_state == RunState.ROUND_TRAIN:
            run.wait(random.randrange(15) if steady is None else steady)
            run.witness(0).witness(1).witness(2)
        else:
            run.wait(1).tick()
    last_step = run.state.step
    assert last_step > step_at_start
    for timing, step in seen:
        end = timing.epoch_end
        assert end is not None
        assert end.fewest <= last_step - step <= end.most, (timing, step)
        assert end.earliest <= run.now <= end.latest, (timing, step)
        assert end.earliest <= end.estimate <= end.latest, (timing, step)
    final = seen[-1][0].epoch_end
    assert final is not None
    assert final.estimate == final.latest == run.now


def test_a_run_that_takes_all_its_time_ends_when_it_was_estimated() -> None:
    run = waiting(0, 1, epoch_time=100, init_min_clients=2, min_clients=1, total_steps=30)
    run_end = timing_of(run.state, run.now).run_end
    ends, joined = set(), 0
    while not run.state.run_state.is_halted:
        run.wait(1).tick()
        if run.stage == RunState.ROUND_TRAIN and run.state.epoch.first_round and joined == run.state.progress["epoch"]:
            joined += 1
            run.join(0, 1)
        if run.stage == RunState.ROUND_TRAIN and not run.state.current_round.witnesses:
            run.witness(0)  # the other one never reports
        if not run.state.run_state.is_halted:
            ends.add(timing_of(run.state, run.now).run_end)
    assert ends == {run_end} == {run.now}


def test_the_pace_is_measured_from_the_steps_of_the_epoch() -> None:
    run = training(warmup_time=10)
    assert timing_of(run.state, run.now).pace == StepPace(23, 0)
    for _ in range(4):
        run.wait(2).play_round()
    assert timing_of(run.state, run.now).pace == StepPace(30 / 4, 4)  # 4 steps of 5 seconds, and 10 of the warmup
    run.wait(20).tick()
    run.wait(3)
    assert timing_of(run.state, run.now).pace == StepPace(53 / 5, 5)


@pytest.mark.parametrize(
    ("run", "waits_for", "present", "needed"),
    [
        (uninitialized(), "owner", 0, 0),
        (waiting(0, 1), "members", 2, 3),
        (waiting(0, 1, 2), "time", 3, 3),
        (warmup().warmup_witness(1), "reports", 1, 3),
        (training().witness(0).witness(1), "reports", 2, 3),
        (witnessing(), "time", 0, 0),
        (cooldown(), "time", 0, 0),
        (paused(), "owner", 0, 0),
        (STAGES[RunState.FINISHED](), "nothing", 0, 0),
    ],
)
def test_what_each_state_waits_for(run: Run, waits_for: str, present: int, needed: int) -> None:
    timing = timing_of(run.state, run.now)
    assert (timing.waits_for, timing.present, timing.needed) == (waits_for, present, needed)
    assert timing.missing == needed - present


def test_a_round_with_an_impossible_committee_takes_its_whole_time() -> None:
    run = training(verification_percent=101)
    timing = timing_of(run.state, run.now)
    assert timing.earliest == timing.latest == run.now + 20
    assert timing.epoch_end is not None
    assert timing.epoch_end.most == timing.epoch_end.fewest


def test_a_state_is_overdue_some_seconds_after_its_latest_time() -> None:
    run = training()
    for late, overdue in ((OVERDUE_AFTER - 1, 0), (OVERDUE_AFTER, OVERDUE_AFTER), (600, 600)):
        assert timing_of(run.state, run.now + 20 + late).overdue == overdue
    assert timing_of(waiting(0).state, 10_000).overdue == 0


def test_a_pending_pause_ends_the_epoch_after_the_round_and_leaves_the_end_of_the_run_open() -> None:
    run = training().do(SetPaused(True))
    timing = timing_of(run.state, run.now)
    assert timing.epoch_end is not None
    assert timing.epoch_end.most == 1
    assert timing.epoch_end.latest == run.now + 20 + 3 + 7
    assert timing.run_end is None
    assert timing.seconds_left is not None


def test_a_run_without_a_configuration_has_no_estimates() -> None:
    timing = timing_of(Run().state, 1000)
    assert (timing.since, timing.pace, timing.seconds_left, timing.steps_left) == (None, None, None, 0)
