"""Complete runs, executed by real transactions."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from solders.pubkey import Pubkey

from psyche_cli.model import instructions as steps
from psyche_cli.protocol.accounts.coordinator_parts import Identity
from psyche_cli.protocol.run_states import ClientState, RunState

from .chain import (
    COORDINATOR,
    SOL,
    TOKEN,
    TREASURER,
    Chain,
    instruction,
    meta,
    participant_address,
    token_address,
)
from .compute_units import DEFAULT_LIMIT, crowded_training, treasurer_and_authorizer
from .coordinator_bytes import RunAccounts, rate_arguments, update_arguments
from .run import Run
from .traces import client
from .training import Training
from .world import GOOD_CONFIG, GOOD_MODEL, World, token_account_data, token_amount


def start(clients: int, *, earning: int = 1000, slashing: int = 0, **config: int) -> Training:
    """A resumed run of these clients, all of whom have joined."""
    run = Run(Chain())
    training = Training(run.chain, run.accounts, [client(number) for number in range(clients)])
    training.must(steps.Update(config={**GOOD_CONFIG, "init_min_clients": clients, **config}, model=GOOD_MODEL))
    training.must(steps.SetFutureEpochRates(earning, slashing))
    training.must(steps.SetPaused(False))
    training.join()
    return training


def set_client_state(training: Training, wallet: bytes, state: ClientState) -> None:
    """Not currently possible by any instruction."""
    data = bytearray(training.chain.data(training.accounts.account))
    wallets = [c.id.signer for c in training.state.epoch.clients]
    data[57496 + 72 * wallets.index(wallet) + 64] = state
    training.chain.put(training.accounts.account, bytes(data), COORDINATOR)


# --- a paid run of two epochs ----------------------------------------------------------------------------------------


class PaidRun(Training):
    """The treasurer's run of :class:`World`, joined through one authorization with delegates."""

    def __init__(self, world: World, wallets: Sequence[bytes]) -> None:
        accounts = RunAccounts(world.authority, world.authorization, world.instance, world.account)
        super().__init__(world.chain, accounts, wallets)
        self.world = world

    def claim(self, wallet: bytes, points: int) -> object:
        world, user = self.world, Pubkey(wallet)
        tokens = token_address(user, world.mint)
        participant = participant_address(world.run, user)
        if not world.chain.exists(participant):
            world.chain.put(tokens, token_account_data(world.mint, user), TOKEN)
            metas = [
                meta(world.payer, "sw"),
                meta(user, "s"),
                meta(world.run),
                meta(participant, "w"),
                meta(Pubkey.default()),
            ]
            world.chain.must(instruction(TREASURER, "participant_create", metas))
        metas = [meta(user, "s"), meta(tokens, "w"), meta(world.run, "w"), meta(world.vault, "w"), meta(world.account)]
        metas += [meta(participant, "w"), meta(TOKEN)]
        return world.chain.send(instruction(TREASURER, "participant_claim", metas, struct.pack("<Q", points))).code

    def balance(self, wallet: bytes) -> int:
        return token_amount(self.world.chain, token_address(Pubkey(wallet), self.world.mint))


def test_two_epochs_of_eleven_clients_paid_to_the_last_unit() -> None:
    world = World()
    chain = world.chain
    wallets = [bytes(world.grantee), *(client(number) for number in range(10))]
    chain.must(world.authorization_grantee_update(*(Pubkey(key) for key in wallets[1:])).instruction())
    run = PaidRun(world, wallets)
    vault = bytearray(chain.data(world.vault))
    struct.pack_into("<Q", vault, 64, 2_500)
    chain.put(world.vault, bytes(vault), TOKEN)
    config = {**GOOD_CONFIG, "init_min_clients": 11, "min_clients": 5}
    rates = rate_arguments(steps.SetFutureEpochRates(1000, 5))
    setup = update_arguments(steps.Update(config=config, model=GOOD_MODEL)) + rates + b"\1\0" + b"\0"
    chain.must(world.run_update(setup).instruction())

    # First epoch: all eleven stay; 1000 points are 90 each and 10 for nobody.
    run.join()
    run.warm_up()
    assert run.state.next_active == 2
    run.train(3)
    new_rate = world.run_update(bytes(4) + rate_arguments(steps.SetFutureEpochRates(1_001, None)) + bytes(2))
    chain.must(new_rate.instruction())  # counts from the next epoch on
    run.train_until_cooldown()
    assert set(run.earned.values()) == {0}
    assert run.cool_down() == RunState.WAITING_FOR_MEMBERS
    assert run.earned == dict.fromkeys(wallets, 90)
    assert run.state.model["LLM"]["checkpoint"] == {"P2P": {"repo_id": "a/b", "revision": None}}

    # Second epoch: one client falls silent, is reported, and shares in nothing; 1001 points are 100 each for ten.
    silent = wallets[4]
    run.join()
    run.warm_up()
    run.train(2)
    run.witness_round(seen=lambda wallet: wallet != silent)
    run.end_round()
    assert run.report(wallets[5], wallets[0]).code == 6014  # seen by all
    assert run.report(silent, wallets[0]).code is None
    assert [c.state for c in run.state.epoch.clients].count(ClientState.DROPPED) == 1
    run.witness_round()
    run.end_round()
    assert (len(run.state.epoch.clients), len(run.state.epoch.exited_clients)) == (10, 1)
    run.train_until_cooldown()
    assert run.cool_down() == RunState.WAITING_FOR_MEMBERS
    assert run.earned == {wallet: 90 if wallet == silent else 190 for wallet in wallets}
    assert run.state.progress["epoch"] == 2

    # Claims: in parts, all, and not a unit more.
    assert run.claim(wallets[0], 191) == 6000
    for wallet in wallets:
        first = run.earned[wallet] // 3
        assert run.claim(wallet, first) is None
        assert run.claim(wallet, run.earned[wallet] - first) is None
        assert run.claim(wallet, 1) == 6000
        assert run.balance(wallet) == run.earned[wallet]
    assert token_amount(chain, world.vault) == 2_500 - (10 * 190 + 90)
    assert struct.unpack_from("<QQ", chain.data(world.run), 177) == (1990, 1990)


def test_members_take_part_only_if_they_join_again() -> None:
    training = start(3, init_min_clients=2)
    training.warm_up()
    training.join(training.wallets[:2])
    training.train_until_cooldown()
    training.cool_down()
    training.warm_up()
    assert [c.id.signer for c in training.state.epoch.clients] == training.wallets[:2]
    training.train_until_cooldown()
    training.cool_down()
    assert list(training.earned.values()) == [333 + 500, 333 + 500, 333]


def test_joining_before_the_first_round_does_not_count_for_the_next_epoch() -> None:
    training = start(2)
    assert training.tick(3) == RunState.WARMUP
    training.join()
    training.pass_time(10)
    training.tick(0)
    assert training.state.run_state == RunState.ROUND_TRAIN
    assert [member.active == training.state.next_active for member in training.state.clients] == [False, False]


# --- epochs that end otherwise ---------------------------------------------------------------------------------------


def test_an_epoch_that_ends_in_a_pause_pays_nothing() -> None:
    training = start(3)
    training.warm_up()
    training.train(1)
    training.must(steps.SetPaused(True))
    training.must(steps.SetPaused(True))
    assert (training.state.run_state, training.state.pending_pause) == (RunState.ROUND_TRAIN, True)
    assert training.send(steps.SetPaused(False)).code == 6018
    training.train(1)
    assert training.state.run_state == RunState.COOLDOWN
    assert training.cool_down() == RunState.PAUSED
    state = training.state
    assert (state.pending_pause, state.epoch.cold_start_epoch, state.progress["epoch"]) == (False, True, 1)
    assert {c.state for c in state.epoch.clients} == {ClientState.WITHDRAWN}
    assert set(training.earned.values()) == {0}
    training.must(steps.Checkpoint({"Hub": {"repo_id": "late/upload", "revision": "r"}}), training.wallets[1])
    training.must(steps.SetPaused(False))
    training.join()
    training.warm_up()
    assert training.state.epoch.cold_start_epoch
    # None of the withdrawn clients counts as having stayed, so the weights come from the hub.
    assert training.state.model["LLM"]["checkpoint"] == {"Hub": {"repo_id": "late/upload", "revision": "r"}}
    training.train_until_cooldown()
    training.cool_down()
    assert set(training.earned.values()) == {333}
    assert not training.state.epoch.cold_start_epoch


def test_pause_before_training_is_immediate() -> None:
    training = start(2)
    training.tick(3)
    training.must(steps.SetPaused(True))
    assert training.state.run_state == RunState.PAUSED
    assert training.send(steps.Tick(), training.wallets[0]).code == 6015
    training.join()  # remembered, but resuming asks everybody again
    training.must(steps.SetPaused(False))
    assert training.tick(3) == RunState.WAITING_FOR_MEMBERS
    training.join()
    assert training.tick(3) == RunState.WARMUP


def test_a_run_that_finishes() -> None:
    training = start(2, total_steps=4)
    training.warm_up()
    training.train(3)
    assert (training.state.step, training.state.run_state) == (4, RunState.COOLDOWN)
    assert training.cool_down() == RunState.FINISHED
    assert list(training.earned.values()) == [500, 500]
    wallet = training.wallets[0]
    assert training.send(steps.Tick(), wallet).code == 6015
    assert training.send(steps.SetPaused(True)).code == 6015
    assert training.send(steps.SetPaused(False)).code == 6018
    assert training.send(steps.Update(config=GOOD_CONFIG)).code == 6000
    training.must(steps.JoinRun(Identity(wallet)), wallet)
    training.must(steps.SetFutureEpochRates(1, 1))
    training.chain.fund(training.accounts.authority, 10 * SOL)
    training.must(steps.FreeCoordinator())
    assert not training.chain.exists(training.accounts.account)


def test_paused_run_without_steps_left_cannot_be_resumed() -> None:
    training = start(1)
    training.must(steps.SetPaused(True))
    training.must(steps.Update(progress={"epoch": 3, "step": 1000, "epoch_start_data_index": 7}))
    assert training.send(steps.SetPaused(False)).code == 6015
    training.must(steps.Update(progress={"epoch": 3, "step": 999, "epoch_start_data_index": 7}))
    training.must(steps.SetPaused(False))


def test_a_round_without_witnesses_withdraws_all_clients() -> None:
    training = start(3)
    training.warm_up()
    assert training.tick(20) == RunState.ROUND_WITNESS
    assert training.end_round() == RunState.COOLDOWN
    assert {c.state for c in training.state.epoch.clients} == {ClientState.WITHDRAWN}
    assert training.cool_down() == RunState.WAITING_FOR_MEMBERS
    assert set(training.earned.values()) == {0}
    assert len(training.state.epoch.exited_clients) == 3


def test_too_few_clients_end_the_epoch() -> None:
    training = start(3, min_clients=3)
    training.warm_up()
    training.train(1)
    set_client_state(training, training.wallets[2], ClientState.DROPPED)
    training.train(1)
    assert training.state.run_state == RunState.COOLDOWN
    training.cool_down()
    assert list(training.earned.values()) == [500, 500, 0]


def test_unhealthy_clients_leave_in_warmup_and_may_end_it() -> None:
    """No instruction makes a client unhealthy during Warmup, but the rule exists."""
    training = start(3, min_clients=2)
    first, second, third = training.wallets
    assert training.tick(3) == RunState.WARMUP
    set_client_state(training, second, ClientState.DROPPED)
    assert training.tick(1) == RunState.WARMUP
    set_client_state(training, third, ClientState.WITHDRAWN)
    assert training.tick(1) == RunState.WAITING_FOR_MEMBERS
    exited = [(c.id.signer, c.exited_height) for c in training.state.epoch.exited_clients]
    assert exited == [(second, 0), (third, 0)]
    assert training.earned == {first: 1000, second: 0, third: 0}


def test_ejected_clients_are_slashed_in_the_order_of_joining_only() -> None:
    training = start(5, slashing=7)
    first, second, third, fourth, _ = training.wallets
    training.warm_up()
    for ejected in ((second,), (first,), (third, fourth)):
        for wallet in ejected:
            set_client_state(training, wallet, ClientState.EJECTED)
        training.train(1)
    assert [c.id.signer for c in training.state.epoch.exited_clients] == [second, first, third, fourth]
    training.train_until_cooldown()
    training.cool_down()
    # The walk meets `second`, then waits for `first`, which it has passed: `third` and `fourth` go free.
    assert [member.slashed for member in training.state.clients] == [0, 7, 0, 0, 0]
    assert list(training.earned.values()) == [0, 0, 0, 0, 1000]


def test_an_epoch_lasts_two_rounds_longer_than_its_time() -> None:
    training = start(1, epoch_time=50)
    training.warm_up()
    training.pass_time(50)
    training.train(1)
    assert training.state.epoch.last_step == 4
    training.train(1)
    assert training.state.run_state == RunState.ROUND_TRAIN
    training.train(1)
    assert (training.state.step, training.state.run_state) == (4, RunState.COOLDOWN)


def test_without_pauses_the_weights_go_to_the_hub_when_nobody_stays() -> None:
    training = start(4, init_min_clients=2)
    training.warm_up()
    training.train_until_cooldown()
    training.cool_down()
    assert "P2P" in training.state.model["LLM"]["checkpoint"]
    newcomers = [client(100), client(101)]
    training.join(newcomers)
    assert training.tick(3) == RunState.WARMUP
    assert "Hub" in training.state.model["LLM"]["checkpoint"]


# --- many ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd() -> Training:
    return crowded_training()


def test_256_clients_are_paid_and_no_257th_fits(crowd: Training) -> None:
    earned = crowd.earned
    assert earned.pop(crowd.wallets[200]) == 0
    assert set(earned.values()) == {1000 // 255}
    newcomer = client(999)
    assert crowd.send(steps.JoinRun(Identity(newcomer)), newcomer).code == 6022
    assert len(crowd.state.epoch.clients) == 256


def test_the_list_is_full_at_256_whatever_the_batch_size() -> None:
    training = start(1, global_batch_size_end=1000)
    data = bytearray(training.chain.data(training.accounts.account))
    for number in range(256):
        data[94424 + 96 * number : 94424 + 96 * number + 32] = client(number)
    struct.pack_into("<Q", data, 119000, 256)
    training.chain.put(training.accounts.account, bytes(data), COORDINATOR)
    newcomer = client(999)
    assert training.send(steps.JoinRun(Identity(newcomer)), newcomer).code == 6003


def test_every_instruction_fits_the_default_compute_limit(crowd: Training) -> None:
    used = {**crowd.compute_units, **treasurer_and_authorizer()}
    assert len(used) == 20
    assert max(used.values()) < DEFAULT_LIMIT, used
