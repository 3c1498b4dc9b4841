"""A run through every state and every transition of the machine ``psyche-run``, by real transactions.

Every row of the table prepares a run in the source of a transition, in which the transition is not possible yet, and
then performs it. The machine must predict both from the run's account.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from psyche_cli.lifecycle.machine import Possibility, Transition, outlooks
from psyche_cli.lifecycle.psyche_run import PSYCHE_RUN
from psyche_cli.lifecycle.run_facts import facts_of, given_facts
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.cli.conftest import House
from tests.support.run_driver import CONFIG, Failed, RunDriver


class Row(NamedTuple):
    """A transition: its ends, trigger and decisive guard, how to get to its source, and how to perform it.

    ``seconds`` is the duration that must pass in the source for the transition to happen. ``by_report`` is whether
    the instruction itself makes the guard hold. ``config`` are changes of the configuration.
    """

    source: str
    target: str | None
    trigger: str
    guard: str
    prepare: Callable[[RunDriver], object]
    perform: Callable[[RunDriver], object]
    seconds: int = 0
    by_report: bool = False
    config: dict[str, int] = {}  # noqa: RUF012 -- never changed


def new(run: RunDriver) -> None:
    """The run was configured but not started."""


def waiting(run: RunDriver) -> None:
    run.resume()


def joined(run: RunDriver) -> None:
    run.resume()
    run.join(0, 1, 2)


def paused(run: RunDriver) -> None:
    run.resume()
    run.pause()


def warmup(run: RunDriver) -> None:
    run.resume()
    run.enter_warmup(0, 1, 2)


def reported(run: RunDriver) -> None:
    warmup(run)
    run.report_warmup(0, 1)


def training(run: RunDriver) -> None:
    run.resume()
    run.start_training(0, 1, 2)


def witnessed(run: RunDriver) -> None:
    training(run)
    run.witness(0, 1)


def witnessing(run: RunDriver) -> None:
    witnessed(run)
    run.wait(1)
    run.witness(2)


def without_witness(run: RunDriver) -> None:
    training(run)
    run.tick(CONFIG["max_round_train_time"])


def with_one_of_two_witnesses(run: RunDriver) -> None:
    training(run)
    run.witness(run.witnesses()[0])
    run.tick(CONFIG["max_round_train_time"])


def in_last_round(run: RunDriver) -> None:
    """The epoch's time passed in the round before the previous one."""
    training(run)
    run.wait(CONFIG["epoch_time"])
    run.play_round()
    run.play_round()
    run.wait(1)
    run.witness(0, 1, 2)


def with_two_absent(run: RunDriver) -> None:
    """Two of three members have been reported."""
    training(run)
    for _ in range(2):
        run.play_round(1, 2)
    run.report_absent(0, 1)
    run.report_absent(0, 2)
    run.wait(1)
    run.witness(0, 1, 2)


def in_last_step(run: RunDriver) -> None:
    training(run)
    run.play_round()
    run.wait(1)
    run.witness(0, 1, 2)


def pause_pending(run: RunDriver) -> None:
    witnessing(run)
    run.pause()


def cooldown(run: RunDriver) -> None:
    without_witness(run)
    assert run.tick(CONFIG["round_witness_time"]) == RunState.COOLDOWN


def last_cooldown(run: RunDriver) -> None:
    training(run)
    assert run.play_round() == RunState.COOLDOWN


def cooldown_before_pause(run: RunDriver) -> None:
    pause_pending(run)
    assert run.tick(CONFIG["round_witness_time"]) == RunState.COOLDOWN


def finished(run: RunDriver) -> None:
    last_cooldown(run)
    run.end_cooldown()


UNINITIALIZED, WAITING, WARMUP, TRAIN, WITNESS, COOLDOWN, FINISHED, PAUSED = (state.variant for state in RunState)
CLOSE, PAUSE, RESUME, TICK = "free_coordinator", "set_paused(true)", "set_paused(false)", "tick"
ONE_STEP, TWO_STEPS = {"total_steps": 2}, {"total_steps": 3}
EXTRA, WITNESS_TIME = CONFIG["waiting_for_members_extra_time"], CONFIG["round_witness_time"]
COOLDOWN_TIME = CONFIG["cooldown_time"]


def tick(run: RunDriver) -> object:
    return run.tick()


ROWS = [
    Row(UNINITIALIZED, WAITING, RESUME, "valid-config", new, RunDriver.resume),
    Row(PAUSED, WAITING, RESUME, "valid-config", paused, RunDriver.resume),
    Row(WAITING, WARMUP, TICK, "enough-members", joined, tick, EXTRA),
    Row(WAITING, PAUSED, PAUSE, "", waiting, RunDriver.pause),
    Row(WARMUP, PAUSED, PAUSE, "", warmup, RunDriver.pause),
    Row(WARMUP, TRAIN, TICK, "warmup-over", reported, tick, CONFIG["warmup_time"]),
    Row(WARMUP, TRAIN, "warmup_witness", "warmup-reported", reported, lambda run: run.report_warmup(2), by_report=True),
    Row(TRAIN, WITNESS, TICK, "train-over", witnessed, tick, CONFIG["max_round_train_time"]),
    Row(TRAIN, WITNESS, "witness", "all-witnessed", witnessed, lambda run: run.witness(2), by_report=True),
    Row(TRAIN, TRAIN, PAUSE, "", training, RunDriver.pause),
    Row(WITNESS, TRAIN, TICK, "steps-left", witnessing, tick, WITNESS_TIME),
    Row(WITNESS, COOLDOWN, TICK, "no-witnesses", without_witness, tick, WITNESS_TIME),
    Row(WITNESS, COOLDOWN, TICK, "last-round", in_last_round, tick, WITNESS_TIME),
    Row(WITNESS, COOLDOWN, TICK, "too-few-clients", with_two_absent, tick, WITNESS_TIME),
    Row(
        WITNESS, COOLDOWN, TICK, "below-quorum", with_one_of_two_witnesses, tick, WITNESS_TIME,
        config={"witness_nodes": 2},
    ),
    Row(WITNESS, COOLDOWN, TICK, "not-steps-left", in_last_step, tick, WITNESS_TIME, config=TWO_STEPS),
    Row(WITNESS, COOLDOWN, TICK, "pause-pending", pause_pending, tick, WITNESS_TIME),
    Row(WITNESS, WITNESS, PAUSE, "", witnessing, RunDriver.pause),
    Row(COOLDOWN, WAITING, TICK, "steps-left", cooldown, tick, COOLDOWN_TIME),
    Row(COOLDOWN, FINISHED, TICK, "not-steps-left", last_cooldown, tick, COOLDOWN_TIME, config=ONE_STEP),
    Row(COOLDOWN, PAUSED, TICK, "pause-pending", cooldown_before_pause, tick, COOLDOWN_TIME),
    Row(COOLDOWN, COOLDOWN, PAUSE, "", cooldown, RunDriver.pause),
    Row(UNINITIALIZED, None, CLOSE, "", new, RunDriver.close),
    Row(PAUSED, None, CLOSE, "", paused, RunDriver.close),
    Row(FINISHED, None, CLOSE, "", finished, RunDriver.close, config=ONE_STEP),
]  # fmt: skip


def transition_of(row: Row) -> Transition:
    """The transition of the machine that a row performs."""
    [found] = [
        one
        for one in PSYCHE_RUN.transitions
        if (one.source, one.target, one.trigger) == (row.source, row.target, row.trigger)
        and (not row.guard or row.guard in (*one.requires, *(f"not-{name}" for name in one.excludes)))
    ]
    return found


def test_the_table_has_every_transition_that_occurs() -> None:
    performed = [transition_of(row) for row in ROWS]
    created = [one for one in PSYCHE_RUN.transitions if one.source is None]
    assert len(set(performed)) == len(performed)
    assert {*performed, *created} == {one for one in PSYCHE_RUN.transitions if not one.note}


def identity(row: Row) -> str:
    return f"{row.source}-{row.target}-{row.guard or row.trigger}"


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_transition(still_house: House, row: Row) -> None:
    run = still_house.driver().create({**CONFIG, **row.config})
    row.prepare(run)
    wanted = transition_of(row)
    assert run.stage.variant == row.source
    if row.seconds:
        began = run.account.run_state_start_timestamp
        assert began == run.now
        run.wait(row.seconds - 1)
        assert predicted(run.state, run.now, TICK) == []
        assert run.tick().variant == row.source  # a second too early
        run.wait(1)
    if row.by_report:
        assert facts_of(run.state, run.now)[row.guard] is False
        assert predicted(run.state, run.now, row.trigger) == []
        assert wanted in predicted(run.state, run.now, row.trigger, row.guard)
    else:
        assert wanted in predicted(run.state, run.now, row.trigger)
        assert {one.target for one in predicted(run.state, run.now, row.trigger)} == {row.target}
    row.perform(run)
    if row.target is None:
        assert run.rpc.account(run.instance.address) is None
        assert run.rpc.account(run.instance.coordinator_account) is None
        return
    assert run.stage.variant == row.target
    if row.source != row.target and row.source != UNINITIALIZED and row.target != PAUSED:
        assert run.account.run_state_start_timestamp == run.now


def predicted(state: CoordinatorState, now: int, trigger: str, guard: str | None = None) -> list[Transition]:
    """The transitions that the machine says are possible; ``guard`` is made true by the instruction."""
    facts = facts_of(state, now) | ({} if guard is None else {guard: True})
    found = outlooks(PSYCHE_RUN, state.run_state.variant, [*given_facts(facts), "not-has-treasurer"])
    return [
        one.transition for one in found if one.possibility is Possibility.POSSIBLE and one.transition.trigger == trigger
    ]


def test_the_creation(still_house: House) -> None:
    run = still_house.driver()
    still_house.cli.json("create-run", "--run-id", "test")
    assert run.stage == RunState.UNINITIALIZED
    assert predicted(run.state, run.now, RESUME) == []  # it has no configuration
    with pytest.raises(Failed) as failed:
        run.resume()
    assert failed.value.code == 6004


@pytest.mark.parametrize("last", ["join", "tick"])
def test_every_instruction_of_a_member_ends_with_a_tick(still_house: House, last: str) -> None:
    """The last of the required members starts the warmup by joining, if the additional time has passed."""
    run = still_house.driver().create()
    run.resume()
    run.join(0, 1)
    run.wait(EXTRA)
    assert run.tick() == RunState.WAITING_FOR_MEMBERS
    if last == "join":
        run.join(2)
    else:
        run.wait(1)
        run.join(2)
    assert run.stage == RunState.WARMUP


def test_a_run_without_steps_left_cannot_be_resumed(still_house: House) -> None:
    run = still_house.driver().create()
    paused(run)
    run.update(progress={"epoch": 0, "step": CONFIG["total_steps"], "epoch_start_data_index": 0})
    assert predicted(run.state, run.now, RESUME) == []
    with pytest.raises(Failed) as failed:
        run.resume()
    assert failed.value.code == 6015


@pytest.mark.parametrize("state", [new, paused, finished])
def test_a_halted_run_cannot_be_paused_or_ticked(still_house: House, state: Callable[[RunDriver], object]) -> None:
    run = still_house.driver().create({**CONFIG, **ONE_STEP})
    state(run)
    for attempt in (run.pause, run.tick):
        with pytest.raises(Failed) as failed:
            attempt()
        assert failed.value.code == 6015


@pytest.mark.parametrize("state", [waiting, warmup, training, witnessing, cooldown])
def test_a_run_that_is_not_halted_cannot_be_closed_or_resumed(
    still_house: House, state: Callable[[RunDriver], object]
) -> None:
    run = still_house.driver().create()
    state(run)
    assert predicted(run.state, run.now, CLOSE) == predicted(run.state, run.now, RESUME) == []
    for attempt, code in ((run.close, 6009), (run.resume, 6018)):
        with pytest.raises(Failed) as failed:
            attempt()
        assert failed.value.code == code


def test_why_no_client_can_be_lost_in_warmup(still_house: House) -> None:
    """Two transitions cannot occur: those of Warmup with fewer than ``min_clients``.

    Warmup begins with at least ``init_min_clients``, which cannot be below ``min_clients``. Nothing removes one: health
    checks need two earlier rounds, a new configuration needs a halted run, and a pause ends Warmup.
    """
    run = still_house.driver().create()
    with pytest.raises(Failed) as too_low:
        run.update(config={**CONFIG, "init_min_clients": 2, "min_clients": 3})
    assert too_low.value.code == 6004
    warmup(run)

    def healthy(account: CoordinatorAccount) -> bool:
        return [client.state for client in account.epoch_clients] == [ClientState.HEALTHY] * 3

    assert healthy(run.account)
    with pytest.raises(Failed) as too_early:
        run.report_absent(0, 1)
    assert too_early.value.code == 6014
    with pytest.raises(Failed) as not_halted:
        run.update(config={**CONFIG, "min_clients": 4, "init_min_clients": 4})
    assert not_halted.value.code == 6001
    run.join(0, 3)
    run.report_warmup(0, 1)
    run.checkpoint(0, {"Hub": {"repo_id": "a/b", "revision": None}})
    assert healthy(run.account)
    assert facts_of(run.state, run.now)["too-few-clients"] is False
    run.wait(CONFIG["warmup_time"] - 1)
    assert run.tick() == RunState.WARMUP
    assert run.tick(1) == RunState.ROUND_TRAIN
