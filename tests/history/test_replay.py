"""Replayed runs have the bytes that the validator's accounts have after each transaction."""

from __future__ import annotations

from solders.pubkey import Pubkey

from psyche_cli.history.replay import Replay
from psyche_cli.protocol.run_states import RunState
from tests.history.recorded import RecordedRun


def compared(run: RecordedRun) -> Replay:
    """A replay of all transactions of a run, whose account was compared after each of them."""
    replay = Replay(run.addresses)
    account = Pubkey.from_string(run.addresses.account)
    data = None
    for kept in run.keeper:
        transaction = run.transaction(kept.signature)
        executed = replay.add(transaction)
        assert not executed.problems, (transaction.logs, executed.problems)
        data = kept.accounts.get(account, data)
        assert replay.data == data, [step.after for step in executed.steps]
    return replay


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
    run.pause()
    replay = compared(run)
    assert replay.now.treasury is not None
    assert replay.now.treasury.vault == 950
    assert replay.now.state is not None
    assert replay.now.state.run_state == RunState.PAUSED
