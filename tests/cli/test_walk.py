"""A run through every state and every transition of the machine ``psyche-run``, by real transactions."""

from __future__ import annotations

from psyche_cli.protocol.run_states import RunState
from tests.cli.conftest import House


def test_two_epochs_and_a_pause(still_house: House) -> None:
    run = still_house.driver()
    start = run.now
    run.create().resume()
    run.start_training(0, 1, 2)
    assert run.now == start + 5 + 1
    assert [run.play_round() for _ in range(2)] == [RunState.ROUND_TRAIN] * 2
    assert run.play_to_cooldown() == 3  # the round in which the time was over, and two more
    assert run.end_cooldown() == RunState.WAITING_FOR_MEMBERS
    assert (run.account.epoch, run.account.step) == (1, 6)

    run.start_training(2, 3, 0)
    run.pause()
    assert run.stage == RunState.ROUND_TRAIN
    assert run.play_round() == RunState.COOLDOWN
    assert run.end_cooldown() == RunState.PAUSED
    assert (run.account.epoch, run.account.step) == (2, 7)
