"""Replayed runs have the bytes that the validator's accounts have after each transaction."""

from __future__ import annotations

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.environment import SystemClock
from psyche_cli.history.comparison import account_differences, treasury_differences
from psyche_cli.history.execution import RunAddresses
from psyche_cli.history.replay import Replay
from psyche_cli.members.crowd import Crowd, Habits, simulated_wallets
from psyche_cli.members.local_validator import clock_of_local_validator
from psyche_cli.members.play import play
from psyche_cli.protocol.accounts.coordinator_account import decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import decode_participant, decode_treasurer_run
from psyche_cli.protocol.accounts.token_accounts import decode_token_account
from psyche_cli.protocol.run_states import RunState
from tests.history.recorded import PlayedRun, RecordedRun, Recording
from tests.support.counts import repetitions
from tests.support.run_driver import CONFIG


def compared(run: Recording, addresses: RunAddresses | None = None) -> Replay:
    """A replay of all transactions of a run, whose account was compared after each of them."""
    replay = Replay(addresses or run.addresses)
    account = Pubkey.from_string(replay.addresses.account)
    data = None
    for kept in run.keeper:
        transaction = run.transaction(kept.signature)
        executed = replay.add(transaction)
        assert not executed.problems, (transaction.logs, executed.problems)
        data = kept.accounts.get(account, data)
        assert replay.data == data, [step.after for step in executed.steps]
    return replay


def assert_as_now(run: Recording, replay: Replay) -> None:
    """The replayed run is the one on the validator, in the accounts of its treasurer too."""
    raw = run.rpc.account(Pubkey.from_string(replay.addresses.account))
    account = None if raw is None else decode_coordinator_account(raw)
    assert account_differences(replay.account, account) == []
    treasury, own = replay.now.treasury, run.treasury
    assert (treasury is None) == (own is None)
    if treasury is None or own is None:
        return
    wallets = [wallet.address for wallet in run.members]
    addresses = [own.run, own.vault, *(own.participant(wallet) for wallet in wallets)]
    found, vault, *others = map(run.rpc.account, addresses)
    assert found is not None
    assert vault is not None
    participants = {
        str(wallet): None if one is None else decode_participant(one)
        for wallet, one in zip(wallets, others, strict=True)
    }
    amount = decode_token_account(vault).amount
    assert treasury_differences(treasury, decode_treasurer_run(found), amount, participants) == []
    wrong = treasury._replace(vault=amount + 1)
    [difference] = treasury_differences(wrong, decode_treasurer_run(found), amount, participants)
    assert (difference.path, difference.replayed, difference.found) == ("vault", amount + 1, amount)


def test_a_run_with_a_treasurer() -> None:
    run = RecordedRun()
    run.create_with_treasurer()
    run.top_up(1000)
    run.set_rates(earning=300)
    run.resume()
    run.start_training(0, 1, 2)
    run.play_round()
    run.play_round(2)
    run.play_round(2)
    run.report_absent(0, 2)
    run.fails(run.report_absent, 0, 1)
    run.play_to_cooldown()
    run.checkpoint(0, {"Hub": {"repo_id": "a/b", "revision": None}})
    run.end_cooldown()
    run.claim(0, 50)
    run.fails(run.claim, 0, 5000)
    run.fails(run.update, config=CONFIG)
    run.pause()
    replay = compared(run)
    assert replay.now.treasury is not None
    assert replay.now.treasury.vault == 950
    assert replay.now.state is not None
    assert replay.now.state.run_state == RunState.PAUSED
    assert_as_now(run, replay)


def test_an_id_that_is_used_again() -> None:
    run = RecordedRun()
    run.create()
    first = run.addresses
    update = run.change("update", metadata={"name": "a??b", "description": "", "num_parameters": 1, "vocab_size": 2})
    name_in_bytes = bytes(update.data).replace(b"a??b", b"a\xff\xfeb")  # not valid UTF-8, which the program stores
    run.send(run.owner, Instruction(update.program_id, name_in_bytes, update.accounts))
    run.close()
    run.create()
    run.resume()
    run.join(0)
    assert compared(run, first).now.state is None
    replay = compared(run)
    assert replay.now.state is not None
    assert replay.now.state.run_state == RunState.WAITING_FOR_MEMBERS
    assert_as_now(run, replay)


@pytest.mark.parametrize("number", range(repetitions(12)))
def test_random_runs(random_seed: int, number: int) -> None:
    run = PlayedRun(f"{random_seed}:{number}")
    for acts in range(1000):
        run.act()
        if acts >= 80 and any(one.failed for one in run.transactions()):
            break
    replay = compared(run)
    assert_as_now(run, replay)
    transactions = run.transactions()
    assert any(one.failed for one in transactions)
    states: list[object] = []
    again = Replay(run.addresses)
    for one in transactions:
        states.append(again.add(one).after)
    for count in (0, 1, len(transactions) // 2, len(transactions)):
        expected = states[count - 1] if count else Replay(run.addresses).now
        assert replay.state_at(count, lambda first, last: transactions[first:last]) == expected


@pytest.mark.parametrize("seed", range(repetitions(4)))
def test_a_run_of_simulated_members(seed: int) -> None:
    run = RecordedRun()
    run.create({**CONFIG, "epoch_time": 30, "global_batch_size_warmup_tokens": 100_000, "total_steps": 40})
    run.set_rates(earning=10**9)
    run.resume()
    crowd = Crowd(
        run.rpc,
        run.run_id,
        simulated_wallets(run.run_id, seed, 9),
        seed=seed,
        habits=Habits(absent=2),
        clock=SystemClock(),
    )
    play(crowd, lambda _: False, clock_of_local_validator(run.rpc, SystemClock()))
    assert run.stage == RunState.FINISHED
    replay = compared(run)
    assert_as_now(run, replay)
    assert replay.count > 200
