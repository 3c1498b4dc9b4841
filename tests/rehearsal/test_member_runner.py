"""Whole rehearsals in one process: the runners of the members under faults, on the compiled programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from psyche_cli.operations.rehearsal.setup import STARTED_AT
from psyche_cli.rehearsal.faults import Fault, random_faults
from tests.rehearsal.in_process import MINIMAL, InProcessRehearsal

RATE = 100 * 10**6
SHORT = replace(MINIMAL, config={**MINIMAL.config, "epoch_time": 32})
"""Epochs of 9 rounds instead of 17."""


def claimed(rehearsal: InProcessRehearsal) -> list[int]:
    """What each member says to have claimed, in base units."""
    return [
        next((int(line["claimed"]) for line in lines if line["type"] == "run_completed"), 0)
        for lines in rehearsal.lines.values()
    ]


def earned(rehearsal: InProcessRehearsal) -> list[int]:
    """What the chain credits to each member, in the order of their numbers."""
    state = rehearsal.cluster.record.state
    by_wallet = {str(client.id.wallet): client.earned for client in state.clients}
    return [by_wallet.get(wallet, 0) for wallet in rehearsal.wallets]


def test_a_whole_run_goes_as_predicted(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(tmp_path, check_percent=40)
    assert rehearsal.run() == "reached"
    record = rehearsal.cluster.record
    assert [(one.rounds, one.clients_left, one.paid) for one in record.epochs] == [(17, 4, RATE)] * 2
    assert rehearsal.cluster.now - STARTED_AT == 154
    assert claimed(rehearsal) == earned(rehearsal) == [RATE // 2] * 4
    hashes = rehearsal.hashes()
    assert [*hashes] == [*range(1, 35)]
    assert all(len(found) == 1 for found in hashes.values())
    assert len({next(iter(found)) for found in hashes.values()}) == 34
    assert all(len(one.seen) == 4 for one in record.rounds)


def test_the_same_seed_gives_the_same_rehearsal(tmp_path: Path) -> None:
    faults = random_faults(6, members=4, seed=5)
    rehearsals = [
        InProcessRehearsal(tmp_path / name, faults=faults, check_percent=50, epochs=1) for name in ("one", "two")
    ]
    for rehearsal in rehearsals:
        rehearsal.run()
    one, other = rehearsals
    assert one.turns == other.turns
    assert one.lines == other.lines
    assert one.cluster.record.state == other.cluster.record.state


def test_a_member_that_is_killed_is_dropped_and_earns_nothing(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(tmp_path, faults=(Fault("kill", 2, at_step=5),), config=SHORT)
    assert rehearsal.run() == "reached"
    record = rehearsal.cluster.record
    assert rehearsal.dead == {2}
    assert [(one.clients, one.clients_left) for one in record.epochs] == [(4, 3), (3, 3)]
    assert earned(rehearsal)[1] == 0
    assert claimed(rehearsal) == earned(rehearsal)
    wallet = rehearsal.keys[1]
    assert [one.step for one in record.rounds if wallet in one.dropped] == [6]
    assert not any(wallet in one.seen for one in record.rounds if one.step >= 5)
    assert all(len(found) == 1 for found in rehearsal.hashes().values())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hang", 1, at_step=4, seconds=20),
        Fault("partition", 3, at_step=3, seconds=20),
        Fault("leave", 3, at_step=3, seconds=20),
        Fault("slow", 4, at_step=3, seconds=25, factor=15.0),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_member_that_was_away_is_dropped_and_returns_with_the_same_weights(tmp_path: Path, fault: Fault) -> None:
    rehearsal = InProcessRehearsal(tmp_path, faults=(fault,), config=SHORT)
    assert rehearsal.run() == "reached"
    record, wallet = rehearsal.cluster.record, rehearsal.keys[fault.member - 1]
    assert any(wallet in one.dropped for one in record.rounds if one.epoch == 0)
    assert record.epochs[1].clients == 4
    last = record.rounds[-1]
    assert wallet in last.seen
    assert all(len(found) == 1 for found in rehearsal.hashes().values())
    others = [one for number, one in enumerate(earned(rehearsal), 1) if number != fault.member]
    assert earned(rehearsal)[fault.member - 1] == RATE // 4 < others[0]
    assert claimed(rehearsal) == earned(rehearsal)


def test_a_late_member_joins_the_next_epoch_with_the_weights_of_the_others(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(tmp_path, faults=(Fault("late", 3, at_seconds=30),))
    assert rehearsal.run() == "reached"
    record = rehearsal.cluster.record
    assert [one.clients for one in record.epochs] == [3, 4]
    steps = [line["step"] for line in rehearsal.lines[3] if line["type"] == "step"]
    assert steps == [*range(18, 35)]  # it has loaded a checkpoint of the first 17
    assert all(len(found) == 1 for found in rehearsal.hashes().values())


def test_every_lie_is_found_if_all_results_are_checked(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(
        tmp_path, faults=(Fault("lie", 3, at_step=4, seconds=20),), check_percent=100, epochs=1
    )
    assert rehearsal.run() == "reached"
    record = rehearsal.cluster.record
    lied = [one.step for one in record.rounds if one.step >= 4 and one.began_at < record.rounds[3].began_at + 20]
    for number, lines in rehearsal.lines.items():
        found = {line["step"]: line["left_out"] for line in lines if line["type"] == "step"}
        assert {step: text for step, text in found.items() if text} == dict.fromkeys(lied, "member-3:wrong-result"), (
            number
        )
    assert all(len(found) == 1 for found in rehearsal.hashes().values())


def test_a_claim_that_the_vault_cannot_pay_anymore_is_tried_again_with_what_it_holds(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(tmp_path, members=2, epochs=1)
    assert rehearsal.run(finishes=False) == "reached"
    runner = rehearsal.runners[1]
    view = runner._member.look()
    held = view.claimable
    view.claimable = 2 * held  # as if the member had looked before the others claimed
    report = runner._finish(view)
    assert report.doing == "claimed its rewards"
    assert claimed(rehearsal)[0] == held == RATE // 2


def test_a_run_without_enough_members_is_stuck(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(tmp_path, members=1, faults=(Fault("leave", 1, at_step=0),))
    assert rehearsal.run() == "stuck"
    assert rehearsal.cluster.record.epochs == []


def test_a_run_whose_workers_have_all_ended_does_not_go_on(tmp_path: Path) -> None:
    rehearsal = InProcessRehearsal(tmp_path, members=1, faults=(Fault("kill", 1, at_step=3),))
    assert rehearsal.run() == "no-workers"


@pytest.mark.parametrize("seed", range(2))
def test_members_agree_under_random_faults(tmp_path: Path, seed: int) -> None:
    faults = random_faults(5, members=5, seed=seed, last_step=14)
    rehearsal = InProcessRehearsal(tmp_path, members=5, faults=faults, check_percent=60, epochs=1, seed=seed)
    end = rehearsal.run()
    assert end in ("reached", "stuck"), faults
    assert all(len(found) == 1 for found in rehearsal.hashes().values()), faults
    begun = {fault.member: rehearsal.faults.begun_at(fault) for fault in faults if fault.kind == "kill"}
    since = {number: time for number, time in begun.items() if time is not None}
    assert rehearsal.dead == since.keys()
    for one in rehearsal.cluster.record.rounds:
        for number, time in since.items():
            assert one.began_at <= time or rehearsal.keys[number - 1] not in one.seen
