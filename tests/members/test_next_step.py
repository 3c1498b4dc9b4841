"""What a member does next, in each state of a run."""

from __future__ import annotations

import pytest

from psyche_cli.members import Member, Memory, RoundId, WitnessFigures, next_step
from psyche_cli.members.next_step import Checkpoint, Claim, Join, ReportAbsent, ReportWarmup, Tick, Train, Wait, Witness
from psyche_cli.protocol.run_states import RunState
from tests.members.conftest import START, StillRun
from tests.members.test_member import complete_round, in_training

FIRST = RoundId(0, 0)
TRAINED = Memory(trained=FIRST, complete=FIRST)


def test_a_member_joins_once_and_waits(run: StillRun) -> None:
    member = run.new_member()
    assert next_step(member.look(), Memory()) == Join()
    assert next_step(member.look(), Memory(is_leaving=True)) == Wait(0), "too few have joined to wait for a time"
    member.join()
    assert next_step(member.look(), Memory()) == Wait(0)
    for other in (run.new_member(), run.new_member()):
        other.join()
    assert next_step(member.look(), Memory()) == Wait(START + 5)
    run.wait(5)
    assert next_step(member.look(), Memory()) == Tick()
    assert next_step(member.look(), Memory(ticks=False)) == Wait(START + 5)


def test_a_member_reports_once_its_model_is_loaded(run: StillRun) -> None:
    members = [run.new_member() for _ in range(3)]
    for member in members:
        member.join()
    run.tick(5)
    assert run.stage == RunState.WARMUP
    first = members[0]
    assert next_step(first.look(), Memory(is_loaded=False)) == Wait(START + 15)
    assert next_step(first.look(), Memory()) == ReportWarmup()
    first.report_warmup()
    assert next_step(first.look(), Memory()) == Wait(START + 15)
    assert next_step(run.new_member().look(), Memory()) == Wait(START + 15), "who is not in the epoch waits"


def test_a_member_trains_and_then_witnesses(run: StillRun) -> None:
    member = in_training(run)[0]
    view = member.look()
    assert next_step(view, Memory()) == Train(FIRST, 1, view.sequences)
    assert next_step(view, Memory(trained=FIRST)) == Wait(START + 25), "it waits for the results of the others"
    assert next_step(view, TRAINED) == Witness(FIRST)
    run.wait(1)
    member.witness(WitnessFigures(), [member.address], [])
    assert next_step(member.look(), TRAINED) == Wait(START + 25)
    run.wait(19)
    assert next_step(member.look(), TRAINED) == Tick()


def test_a_report_comes_before_a_tick_that_could_end_the_round(run: StillRun) -> None:
    member = in_training(run)[0]
    run.tick(20)
    run.wait(3)
    assert run.stage == RunState.ROUND_WITNESS
    assert member.look().is_tick_due
    assert next_step(member.look(), TRAINED) == Witness(FIRST)
    assert next_step(member.look(), Memory()) == Tick(), "training would be too late"


def test_a_member_reports_who_was_absent_but_not_itself(run: StillRun) -> None:
    first, second, absent = in_training(run)
    for _ in range(2):
        complete_round(run, first, second)
    step = next_step(first.look(), Memory())
    assert isinstance(step, ReportAbsent)
    assert step.absence.wallet == absent.address
    assert isinstance(next_step(absent.look(), Memory()), Train)
    first.report(step.absence)
    assert isinstance(next_step(second.look(), Memory()), Train)
    assert isinstance(next_step(absent.look(), Memory()), Wait), "a member that was dropped does nothing"


def test_one_member_saves_the_model_after_an_epoch(run: StillRun) -> None:
    members = in_training(run)
    run.wait(60)
    while run.stage != RunState.COOLDOWN:
        complete_round(run, *members)
    saving = [next_step(member.look(), Memory(saves=True)) for member in members]
    assert [isinstance(step, Checkpoint) for step in saving] == [True, False, False]
    assert saving[0] == Checkpoint(0)
    assert isinstance(next_step(members[0].look(), Memory(saves=True, saved=0)), Wait)
    assert isinstance(next_step(members[0].look(), Memory()), Wait)


@pytest.mark.parametrize("claims", [True, False])
def test_rewards_are_claimed_between_epochs(run: StillRun, claims: bool) -> None:
    view = run.new_member().look()
    view.claimable = 7
    memory = Memory(is_leaving=True, claims=claims)
    assert next_step(view, memory) == (Claim(7) if claims else Wait(0))


def test_a_halted_run_leaves_nothing_to_do(run: StillRun) -> None:
    member: Member = run.new_member()
    run.pause()
    assert next_step(member.look(), Memory()) == Wait(0)
