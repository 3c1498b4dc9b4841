"""A simulation that skips what repeats, compared with one that executes every second; and its limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from psyche_cli.limits import U16_MAX, U64_MAX
from psyche_cli.model.coordinator_model import apply
from psyche_cli.model.execution import Clock
from psyche_cli.model.instructions import Instruction, Tick
from psyche_cli.model.simulation import engine
from psyche_cli.model.simulation.behavior import Behavior, Change, Start
from psyche_cli.model.simulation.engine import End, Simulation, simulate, with_older_rules
from psyche_cli.model.simulation.history import EpochEnd, Repetition
from psyche_cli.model.simulation.world import World
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.forecast import Forecast, slowest_pace
from tests.model.recording import OWNER
from tests.model.simulated import Scenario, random_scenario
from tests.model.stages import CONFIG, STAGES

SCHEDULE = {"Constant": {"base_lr": 1.0, "warmup_init_lr": 0.0, "warmup_steps": 0}}


def assert_same(fast: Simulation, slow: Simulation) -> None:
    assert fast.state == slow.state
    assert list(fast.history) == list(slow.history)
    assert [fast.history[index] for index in range(len(fast.history))] == list(slow.history)
    for name in ("end", "started_at", "now", "epochs", "refused_joins", "unreached", "failure"):
        assert getattr(fast, name) == getattr(slow, name), name


def skipped(simulation: Simulation) -> bool:
    return any(isinstance(item, Repetition) for item in simulation.history.items)


def test_skipping_gives_the_result_of_every_second(full: bool) -> None:
    ends, with_skips = set(), 0
    for seed in range(400 if full else 40):
        scenario = random_scenario(seed, totals=(1, 2, 5, 30, 200 if full else 90))
        fast, slow = scenario.simulated(), scenario.simulated(every_second=True)
        try:
            assert_same(fast, slow)
        except AssertionError:
            pytest.fail(f"seed {seed}: {scenario}")
        ends.add(fast.end)
        with_skips += skipped(fast)
    assert ends == {End.FINISHED, End.PAUSED, End.EPOCHS, End.STUCK}
    assert with_skips >= 10


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario({"total_steps": 400, "epoch_time": 60}, 3),
        Scenario({"total_steps": 400, "epoch_time": 60}, 3, rounds_per_epoch=7),
        Scenario({"total_steps": 400, "epoch_time": 60, "init_min_clients": 1, "min_clients": 1}, 40),
        Scenario({"total_steps": 300}, 5, changes=(Change(100, dropping=1), Change(101, dropping=1))),
        Scenario({"total_steps": 300, "epoch_time": 60}, 5, changes=(Change(100, joining=2), Change(130, dropping=4))),
        Scenario({"total_steps": 300, "epoch_time": 60}, 3, changes=(Change(150, pausing=True),)),
        Scenario({"total_steps": 300, "epoch_time": 60}, 3, earning_rate=U64_MAX),
        Scenario(
            {
                "total_steps": 300,
                "epoch_time": 60,
                "global_batch_size_start": 1,
                "global_batch_size_warmup_tokens": 9**6,
            },
            3,
        ),
        Scenario({"total_steps": 200, "epoch_time": 60, "max_round_train_time": 1, "round_witness_time": 1}, 3),
        Scenario({"total_steps": 100, "epoch_time": U64_MAX}, 3),
        Scenario({"total_steps": 100, "epoch_time": U64_MAX, "max_round_train_time": U64_MAX - 1}, 3),
    ],
    ids=lambda scenario: str(scenario.config),
)
def test_skipping_gives_the_same_in_chosen_cases(scenario: Scenario) -> None:
    assert_same(scenario.simulated(), scenario.simulated(every_second=True))


@pytest.mark.parametrize("stage", RunState)
@pytest.mark.parametrize("later", [0, 1, 5, 100_000])
def test_a_run_is_continued_from_any_state(stage: RunState, later: int) -> None:
    run = STAGES[stage]()
    members = [client.id for client in run.state.clients] or []

    def continued(*, every_second: bool) -> Simulation:
        world = World(run.state, Start(run.now + later, 1), members, behavior=Behavior())
        world.come(3)
        return simulate(world, epochs=2, every_second=every_second)

    fast = continued(every_second=False)
    assert_same(fast, continued(every_second=True))
    assert fast.end in (End.FINISHED, End.EPOCHS)


@pytest.mark.parametrize("train_seconds", [None, 5])
@pytest.mark.parametrize("clients", [3, 256])
def test_a_million_rounds_are_executed_as_a_few_and_equal_the_forecast(
    clients: int, train_seconds: int | None, full: bool
) -> None:
    """By default, all cases but one have 100,000 rounds, because to look at a million takes seconds."""
    rounds = 1_000_000 if full or (clients, train_seconds) == (3, None) else 100_000
    config = {"total_steps": rounds + 1, "epoch_time": 2000, "global_batch_size_end": 4096}
    ramp = {"global_batch_size_start": 256, "global_batch_size_warmup_tokens": 10**11}
    world = Scenario({**config, **ramp}, clients, Behavior(train_seconds=train_seconds)).world()
    executed: list[Instruction] = []
    record = world.do

    def counted(instruction: Instruction, signer: bytes = OWNER) -> object:
        executed.append(instruction)
        return record(instruction, signer)

    world.do = counted  # type: ignore[assignment, method-assign]
    found = simulate(world)
    assert found.end is End.FINISHED
    assert len(executed) < 100 * (clients + 100)
    whole = {**CONFIG, **config, **ramp}
    model = {"LLM": {"max_seq_len": found.state.max_seq_len, "lr_schedule": SCHEDULE}}
    forecast = Forecast(whole, model, slowest_pace(whole, train_seconds=train_seconds))
    assert (len(found.epochs), found.now - found.started_at) == (forecast.epochs, forecast.seconds)
    assert found.epochs[-1].data_index_end * found.state.max_seq_len == forecast.tokens
    assert sum(epoch.rounds for epoch in found.epochs) == rounds
    assert [epoch.epoch for epoch in found.epochs] == list(range(forecast.epochs))
    first = {visit.step: visit.start for visit in found.history if visit.state == RunState.ROUND_TRAIN}
    assert len(first) == rounds
    for step in (1, 2, 77, rounds // 2, rounds - 1, rounds):
        assert first[step] - found.started_at == forecast.at(step).seconds


def test_epochs_are_skipped_although_a_member_left() -> None:
    scenario = Scenario({"total_steps": 2000, "epoch_time": 60, "min_clients": 2}, 4, changes=(Change(9, dropping=1),))
    found = scenario.simulated()
    assert sum(isinstance(item, Repetition) and item.epochs == 1 for item in found.history.items) == 1
    assert_same(found, scenario.simulated(every_second=True))


def test_no_more_epochs_than_the_program_can_count() -> None:
    found = Scenario({"total_steps": 10**9, "epoch_time": 25}, 3).simulated()
    assert (found.end, len(found.epochs), found.state.progress["epoch"]) == (End.STUCK, U16_MAX, U16_MAX)
    assert found.failure is not None
    assert found.failure.abort == "attempt to add with overflow"
    outcome = apply(found.state, Tick(), OWNER, Clock(found.now + 1000, 1))
    assert outcome.abort == found.failure.abort


def test_too_few_members_wait_forever() -> None:
    found = Scenario({}, 2).simulated()
    assert (found.end, found.state.run_state, found.failure) == (End.STUCK, RunState.WAITING_FOR_MEMBERS, None)
    assert found.epochs == []


def test_members_that_stop_are_dropped_and_earn_nothing() -> None:
    found = Scenario({"total_steps": 40}, 5, changes=(Change(10, dropping=2),)).simulated()
    [epoch] = found.epochs
    assert (epoch.clients, epoch.clients_left, epoch.end) == (5, 3, EpochEnd.NO_STEPS_LEFT)
    assert [client.earned for client in found.state.clients] == [333, 333, 333, 0, 0]
    assert [one.state for one in found.state.epoch.exited_clients] == [ClientState.DROPPED] * 2
    # Unseen in step 10, they are reported in step 11, and gone in step 12.
    left = {visit.step: visit.clients for visit in found.history if visit.state == RunState.ROUND_TRAIN}
    assert (left[9], left[11], left[12]) == (5, 5, 3)


def test_more_wallets_than_the_batch_size_cannot_join() -> None:
    found = Scenario({"total_steps": 5, "global_batch_size_start": 3, "global_batch_size_end": 3}, 5).simulated()
    assert (found.end, len(found.refused_joins), found.epochs[0].clients) == (End.FINISHED, 2, 3)


def test_everyone_leaves() -> None:
    found = Scenario({"total_steps": 50}, 4, changes=(Change(7, dropping=4),)).simulated()
    assert [epoch.end for epoch in found.epochs] == [EpochEnd.NO_WITNESSES]
    assert found.epochs[0].paid == 0
    assert (found.end, found.state.run_state) == (End.STUCK, RunState.WAITING_FOR_MEMBERS)


def test_a_pause_ends_the_run_without_rewards() -> None:
    found = Scenario({"total_steps": 50}, 4, changes=(Change(7, pausing=True),)).simulated()
    assert (found.end, found.epochs[0].end, found.epochs[0].paid) == (End.PAUSED, EpochEnd.PAUSE_PENDING, 0)


def test_a_run_that_cannot_be_resumed_is_stuck_at_once() -> None:
    found = Scenario({"total_steps": 1}, 3).simulated()
    assert (found.end, found.failure is not None, len(found.history)) == (End.STUCK, True, 1)


def test_changes_for_steps_that_are_not_reached_are_reported() -> None:
    late = Change(99, joining=1)
    assert Scenario({"total_steps": 9}, 3, changes=(late,)).simulated().unreached == (late,)


def test_an_endless_run_is_cut_off() -> None:
    found = Scenario({"total_steps": 9, "epoch_time": 2**60, "max_round_train_time": 2**59}, 3).simulated()
    assert (found.end, len(found.epochs)) == (End.TOO_LONG, 0)


def test_irregular_rounds_are_cut_off_after_a_limited_amount_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_WORK", 500)
    endless = {"total_steps": 10**6, "epoch_time": 10**9, "global_batch_size_end": 300}
    # With verifiers, the program aborts each health check, so that absent clients stay.
    irregular = Scenario({**endless, "verification_percent": 100}, 4, changes=(Change(20, dropping=1),))
    world, played = irregular.world(), []
    play = world.play
    world.play = lambda: played.append(1) or play()  # type: ignore[func-returns-value, method-assign]
    assert simulate(world).end is End.TOO_LONG
    assert 40 < len(played) < 100
    regular = Scenario({**endless, "verification_percent": 0}, 4, changes=(Change(20, dropping=1),))
    assert regular.simulated().end is End.FINISHED


def test_all_absent_clients_of_a_large_run_are_dropped() -> None:
    config = {"total_steps": 40, "epoch_time": 10**6, "global_batch_size_end": 300}
    found = Scenario(config, 256, changes=(Change(10, dropping=100),)).simulated()
    # More than half of the bits of a filter with 156 clients are set, so that it contains some absent ones by chance.
    left = {visit.step: visit.clients for visit in found.history if visit.state == RunState.ROUND_TRAIN}
    assert (left[11], left[12]) == (256, 156)


def test_older_rules_end_an_epoch_by_its_rounds_and_cooldown_by_a_checkpoint() -> None:
    behavior = Behavior(checkpoint_seconds=2)
    found = Scenario({"total_steps": 9, "cooldown_time": 7}, 3, behavior, rounds_per_epoch=3).simulated()
    assert [epoch.rounds for epoch in found.epochs] == [3, 3, 2]
    # The checkpoint is recorded after 2 seconds, and the next tick ends Cooldown.
    assert {epoch.ended_at - epoch.cooldown_at for epoch in found.epochs} == {3}
    assert found.epochs[0].end is EpochEnd.LAST_ROUND
    without = Scenario({"total_steps": 9, "cooldown_time": 7}, 3, rounds_per_epoch=3).simulated()
    assert {epoch.ended_at - epoch.cooldown_at for epoch in without.epochs} == {7}


def test_older_rules_without_a_cooldown_time_wait_for_a_checkpoint() -> None:
    def started(behavior: Behavior) -> World:
        """A waiting run, whose configuration today's program would refuse when the run is resumed."""
        run = STAGES[RunState.WAITING_FOR_MEMBERS]()
        config = {**run.state.config, "cooldown_time": 0}
        state = with_older_rules(replace(run.state, config=config), 3)
        world = World(state, Start(run.now, 1), [client.id for client in state.clients], behavior=behavior)
        world.come(3)
        return world

    stuck = simulate(started(Behavior()))
    assert (stuck.end, stuck.state.run_state) == (End.STUCK, RunState.COOLDOWN)
    assert simulate(started(Behavior(checkpoint_seconds=100)), epochs=2).end is End.EPOCHS


@pytest.mark.parametrize(("train_seconds", "lasts", "rounds"), [(20, 23, 3), (22, 23, 3), (23, 23, 1), (60, 23, 1)])
def test_members_that_train_longer_than_a_round_report_late_or_never(
    train_seconds: int, lasts: int, rounds: int
) -> None:
    """Reports count until RoundWitness is over; an epoch ends with a round that nobody reports."""
    config = {"max_round_train_time": 20, "round_witness_time": 3, "epoch_time": 24, "warmup_time": 1}
    scenario = Scenario(config, 3, Behavior(train_seconds=train_seconds), epochs=1)
    found = scenario.simulated()
    assert_same(found, scenario.simulated(every_second=True))
    [epoch] = found.epochs
    assert epoch.training_at is not None
    assert (epoch.rounds, epoch.cooldown_at - epoch.training_at) == (rounds, rounds * lasts)
    assert epoch.end is (EpochEnd.LAST_ROUND if rounds > 1 else EpochEnd.NO_WITNESSES)
