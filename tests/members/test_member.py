"""A member sends what a training client sends, and its errors say why nothing was sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import (
    AccountNotFound,
    InsufficientFunds,
    MayNotJoin,
    NotInEpoch,
    ProgramRefused,
    Refused,
    RunNotFound,
)
from psyche_cli.members import Member, RunView, WitnessFigures
from psyche_cli.model.bloom import contains, wallet_item
from psyche_cli.model.merkle import merkle_root
from psyche_cli.protocol.addresses import ANYONE, authorization_address
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.solana.wallet import Wallet
from tests.members.conftest import StillRun
from tests.support.run_driver import CONFIG

HUB = {"Hub": {"repo_id": "a/b", "revision": None}}


def in_training(run: StillRun, count: int = 3) -> list[Member]:
    """Members of the epoch that has just begun its first round."""
    members = [run.new_member() for _ in range(count)]
    for member in members:
        member.join()
    run.wait(5)
    members[0].tick()
    for member in members:
        member.report_warmup()
    assert run.stage == RunState.ROUND_TRAIN
    return members


def complete_round(run: StillRun, *witnesses: Member) -> None:
    """End the current round, in which the witnesses have seen each other."""
    seen = [member.address for member in witnesses]
    run.wait(1)
    for member in witnesses:
        if run.stage in (RunState.ROUND_TRAIN, RunState.ROUND_WITNESS):
            member.witness(WitnessFigures(), seen, [])
    if run.stage == RunState.ROUND_TRAIN:
        run.tick(run.account.config["max_round_train_time"])
    run.tick(run.account.config["round_witness_time"])


def test_a_round_of_three_members(run: StillRun) -> None:
    members = in_training(run)
    view = members[0].look()
    assert [view.index, view.is_healthy, view.is_witness, view.has_reported] == [0, True, True, False]
    batch = sorted(number for member in members for number in member.look().sequences)
    assert batch == [*range(16)]
    assert sorted(map(str, view.expected_from)) == sorted(str(member.address) for member in members)
    results = [bytes([number]) * 32 for number in range(3)]
    run.wait(1)
    for member in members[:2]:
        member.witness(WitnessFigures(loss=2.5, evals={"arc": 0.5}), [members[0].address, members[1].address], results)
    first, second = run.account.current_round.witnesses
    assert (first.index, second.index, first.witness) == (0, 1, 1)
    assert first.broadcast_merkle == merkle_root(results)
    assert all(contains(first.broadcast_bloom, result) for result in results)
    assert [contains(first.participant_bloom, wallet_item(bytes(member.address))) for member in members] == [
        True,
        True,
        False,
    ]
    assert first.participant_bloom.keys != second.participant_bloom.keys, "the keys are random"
    assert members[0].look().has_reported
    assert not members[2].look().has_reported
    with pytest.raises(ProgramRefused) as refused:
        members[0].witness(WitnessFigures(), [], results)
    assert refused.value.program_error == "CoordinatorErrorDuplicateWitness"
    assert refused.value.sent is False
    assert refused.value.logs


def test_an_absent_member_is_reported_once_and_not_before_the_third_round(run: StillRun) -> None:
    first, second, absent = in_training(run)
    with pytest.raises(Refused, match="cannot be reported as absent"):
        first.report_absent(absent.address)
    complete_round(run, first, second)
    complete_round(run, first, second)
    assert run.account.current_round.height == 2
    with pytest.raises(Refused, match="cannot be reported as absent"):
        first.report_absent(second.address)
    first.report_absent(absent.address)
    assert [client.state for client in run.account.epoch_clients] == [
        ClientState.HEALTHY,
        ClientState.HEALTHY,
        ClientState.DROPPED,
    ]
    assert not absent.look().is_healthy
    with pytest.raises(Refused, match="cannot be reported as absent"):
        second.report_absent(absent.address)


def test_who_is_not_in_the_epoch_has_nothing_to_report(run: StillRun) -> None:
    in_training(run)
    stranger = run.new_member()
    sent = run.bank.history.total
    with pytest.raises(NotInEpoch, match="is not a client of this epoch") as refused:
        stranger.report_warmup()
    assert (refused.value.wallet, refused.value.epoch) == (str(stranger.address), 0)
    with pytest.raises(NotInEpoch):
        stranger.witness(WitnessFigures(), [], [])
    assert run.bank.history.total == sent


def test_a_member_that_is_no_witness_of_the_round(new_run: Callable[[], StillRun]) -> None:
    run = new_run()
    run.create({**CONFIG, "witness_nodes": 1})
    run.resume()
    members = [run.new_member() for _ in range(3)]
    for member in members:
        member.join()
    run.tick(5)
    run.tick(10)
    others = [member for member in members if not member.look().is_witness]
    assert len(others) == 2
    with pytest.raises(NotInEpoch, match="is not a witness of this round"):
        others[0].witness(WitnessFigures(), [], [])


def test_joining_needs_an_authorization(run: StillRun) -> None:
    anyone = authorization_address(run.owner.address, ANYONE)
    off = run.build.authorization_grantor_update(grantor=run.owner.address, authorization=anyone, active=False)
    run.send(run.owner, off)
    member = run.new_member()
    with pytest.raises(MayNotJoin) as refused:
        member.join()
    assert refused.value.join_authority == str(run.owner.address)
    own = permit(run, member.address)
    member.join()
    assert member.look().has_joined
    assert own != anyone


def test_a_delegate_joins_with_the_authorization_of_its_authorizer(run: StillRun) -> None:
    run.send(
        run.owner,
        run.build.authorization_grantor_update(
            grantor=run.owner.address,
            authorization=authorization_address(run.owner.address, ANYONE),
            active=False,
        ),
    )
    authorizer, delegate = run.new_member().wallet, run.new_member()
    permit(run, authorizer.address)
    update = run.build.authorization_grantee_update(
        payer=authorizer.address,
        grantee=authorizer.address,
        authorization=authorization_address(run.owner.address, authorizer.address),
        delegates_clear=False,
        delegates_added=[delegate.address],
    )
    run.send(authorizer, update)
    with pytest.raises(MayNotJoin):
        delegate.join()
    member = Member(run.rpc, delegate.wallet, run.run_id, authorizer=authorizer.address)
    member.join()
    assert member.look().has_joined


def permit(run: StillRun, grantee: Pubkey) -> Pubkey:
    owner = run.owner.address
    address = authorization_address(owner, grantee)
    create = run.build.authorization_create(payer=owner, grantor=owner, grantee=grantee)
    run.send(
        run.owner, create, run.build.authorization_grantor_update(grantor=owner, authorization=address, active=True)
    )
    return address


def test_checkpoints_and_leaving(run: StillRun) -> None:
    first, *_ = in_training(run)
    first.checkpoint(HUB)
    assert first.look().checkpoint == HUB
    assert first.look().is_saver
    sent = run.bank.history.total
    first.leave()
    assert first.is_leaving
    assert run.bank.history.total == sent


def test_rewards(new_run: Callable[[], StillRun]) -> None:
    run = new_run()
    run.create(mint=run.new_mint(6, 1000))
    run.set_rates(earning=90)
    run.top_up(70, decimals=6)
    run.resume()
    members = in_training(run)
    assert members[0].claim() is None
    run.wait(60)
    while run.stage != RunState.COOLDOWN:
        complete_round(run, *members)
    run.end_cooldown()
    assert [member.look().claimable for member in members] == [30, 30, 30]
    members[0].claim()
    members[1].claim(20)
    assert [member.look().claimable for member in members] == [0, 10, 20], "the vault holds 20"
    assert members[0].look().earned == 30
    with pytest.raises(ProgramRefused):
        members[0].claim(1)


def test_runs_that_do_not_pay_or_do_not_exist(run: StillRun) -> None:
    member = run.new_member()
    with pytest.raises(Refused, match="has no treasurer"):
        member.claim()
    with pytest.raises(RunNotFound):
        Member(run.rpc, member.wallet, "another").join()
    member.look()
    run.pause()
    run.close()
    with pytest.raises(AccountNotFound, match="was closed"):
        member.look()


def test_a_wallet_without_sol_cannot_pay_the_fee(run: StillRun) -> None:
    with pytest.raises(InsufficientFunds, match="holds no SOL"):
        Member(run.rpc, Wallet.generate(), run.run_id).join()


def test_views_of_a_halted_run_are_empty(new_run: Callable[[], StillRun]) -> None:
    run = new_run()
    run.create()
    view = RunView(run.look(), Pubkey.new_unique())
    assert (view.index, view.is_witness, view.sequences, view.due_at) == (None, False, range(0), 0)
    assert not view.is_healthy
    assert view.earned == 0
