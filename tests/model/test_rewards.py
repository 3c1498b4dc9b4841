"""Rewards at the end of an epoch, and transitions of checkpoints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from psyche_cli.model.checkpoints import submit
from psyche_cli.model.instructions import SetFutureEpochRates, SetPaused
from psyche_cli.model.rewards import distribute_rewards
from psyche_cli.model.states import CoordinatorState, initial_state
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient, EpochRates, PendingClient
from psyche_cli.protocol.run_states import ClientState, RunState
from tests.model.recording import checkpoint_of, checkpoint_text, client, model_of
from tests.model.stages import Run, cooldown, training, waiting, warmup


def paid_cooldown(*clients: int, rate: int, **config: int) -> Run:
    run = waiting(*clients, **config).do(SetFutureEpochRates(rate))
    run.wait(5).tick().wait(10).tick().play_round()
    return run


def test_healthy_clients_share_evenly_and_the_remainder_is_not_paid() -> None:
    run = paid_cooldown(0, 1, 2, rate=100, total_steps=2).wait(7).tick()
    assert run.earned() == [33, 33, 33]


def test_only_the_clients_of_the_epoch_are_paid() -> None:
    run = paid_cooldown(0, 1, 2, rate=100, total_steps=2).join(5, 1).wait(7).tick()
    assert run.earned() == [33, 33, 33, 0]


def test_rates_set_during_an_epoch_hold_for_the_next() -> None:
    run = paid_cooldown(0, 1, 2, rate=9, total_steps=2).do(SetFutureEpochRates(9000)).wait(7).tick()
    assert run.earned() == [3, 3, 3]
    assert run.state.future_epoch_rates.earning_rate_total_shared == 9000


def test_an_epoch_that_ends_in_a_pause_pays_nothing() -> None:
    run = paid_cooldown(0, 1, 2, rate=100, total_steps=2).do(SetPaused(True)).wait(7).tick().is_at(RunState.PAUSED)
    assert run.earned() == [0, 0, 0]


def test_a_round_without_witnesses_makes_the_epoch_pay_nothing() -> None:
    run = waiting(0, 1, 2).do(SetFutureEpochRates(100)).wait(5).tick().wait(10).tick().wait(20).tick().wait(3).tick()
    assert run.is_at(RunState.COOLDOWN).wait(7).tick().earned() == [0, 0, 0]


def test_a_dropped_client_is_not_paid_and_not_shared_with() -> None:
    run = waiting(0, 1, 2, total_steps=4).do(SetFutureEpochRates(100)).wait(5).tick().wait(10).tick()
    run.play_round().play_round(seen="0,2")
    run.do(run.accusation(1), client(0).signer).play_round().is_at(RunState.COOLDOWN).wait(7).tick()
    assert run.earned() == [50, 0, 50]


def test_two_epochs_add_up() -> None:
    run = waiting(0, 1, 2, epoch_time=21).do(SetFutureEpochRates(10))
    for _ in range(2):
        run.wait(5).tick().wait(10).tick().wait(9).play_round().play_round().play_round().is_at(RunState.COOLDOWN)
        run.join(2, 1, 0).wait(7).tick().is_at(RunState.WAITING_FOR_MEMBERS)
    assert run.earned() == [6, 6, 6]
    assert run.state.progress == {"epoch": 2, "step": 7, "epoch_start_data_index": 48}


def walked(finished: list[tuple[int, ClientState]], exited: list[tuple[int, ClientState]]) -> list[tuple[int, int]]:
    """Points earned and slashed by the clients 0 to 4 at rates of 100 shared and 7 each."""
    state: CoordinatorState = initial_state("", "")
    epoch = replace(
        state.epoch,
        clients=tuple(EpochClient(client(number), status) for number, status in finished),
        exited_clients=tuple(EpochClient(client(number), status) for number, status in exited),
    )
    pending = tuple(PendingClient(client(number)) for number in range(5))
    state = distribute_rewards(replace(state, epoch=epoch, clients=pending, current_epoch_rates=EpochRates(100, 7)))
    return [(each.earned, each.slashed) for each in state.clients]


HEALTHY, DROPPED, EJECTED = ClientState.HEALTHY, ClientState.DROPPED, ClientState.EJECTED


def test_the_unhealthy_count_for_the_share_but_do_not_get_one() -> None:
    assert walked([(1, HEALTHY), (2, DROPPED), (4, HEALTHY)], []) == [(0, 0), (33, 0), (0, 0), (0, 0), (33, 0)]


def test_the_ejected_are_slashed() -> None:
    assert walked([(1, HEALTHY)], [(0, EJECTED), (2, DROPPED), (3, EJECTED)]) == [
        (0, 7), (100, 0), (0, 0), (0, 7), (0, 0),
    ]  # fmt: skip


def test_exited_clients_after_one_out_of_order_are_skipped() -> None:
    assert walked([], [(3, EJECTED), (1, EJECTED), (4, EJECTED)]) == [(0, 0), (0, 0), (0, 0), (0, 7), (0, 0)]


CHECKPOINTS = ("hub:a", "p2p:a", "gcs:a", "p2pgcs:a", "dummy:a", "eph")
SUBMITTED = {
    "hub:a": ("hub:b", "hub:a"),
    "p2p:a": ("p2p:b", "p2pgcs:b"),
    "gcs:a": ("gcs:a", "gcs:b"),
    "p2pgcs:a": ("p2p:b", "p2pgcs:b"),
    "dummy:a": ("dummy:a", "dummy:a"),
    "eph": ("eph", "eph"),
}
"""The new checkpoint by current checkpoint, after a submitted Hub and after a submitted Gcs."""


@pytest.mark.parametrize("current", CHECKPOINTS)
@pytest.mark.parametrize("submitted", ["hub:b", "gcs:b", "eph", "dummy:b", "p2p:b", "p2pgcs:b"])
def test_submitted_checkpoints(current: str, submitted: str) -> None:
    state = replace(initial_state("", ""), model=model_of(current))
    after = submit(state, checkpoint_of(submitted))
    expected = dict(zip(("hub:b", "gcs:b"), SUBMITTED[current], strict=True)).get(submitted, current)
    assert checkpoint_text(after.model["LLM"]["checkpoint"]) == expected


def checkpoint_in(run: Run) -> str:
    return checkpoint_text(run.state.model["LLM"]["checkpoint"])


def with_checkpoint(run: Run, text: str) -> Run:
    run.state = replace(run.state, model=model_of(text))
    return run


@pytest.mark.parametrize(
    ("before", "after"),
    [("hub:a", "p2p:a"), ("dummy:a", "p2p:a"), ("gcs:a", "p2pgcs:a"), ("p2p:a", "p2p:a"), ("p2pgcs:a", "p2pgcs:a")],
)
def test_the_end_of_an_epoch_switches_to_peers(before: str, after: str) -> None:
    run = with_checkpoint(cooldown(), before)
    assert checkpoint_in(run.wait(6).tick()) == before
    assert checkpoint_in(run.wait(1).tick()) == after


@pytest.mark.parametrize(("before", "after"), [("p2p:a", "hub:a"), ("p2pgcs:a", "gcs:a"), ("dummy:a", "dummy:a")])
def test_without_a_client_of_the_last_epoch_the_model_comes_from_the_repository(before: str, after: str) -> None:
    assert checkpoint_in(with_checkpoint(waiting(0, 1, 2), before).wait(5).tick()) == after


def test_one_client_of_the_last_epoch_is_enough() -> None:
    run = training(epoch_time=21).wait(9).play_round().play_round().play_round().is_at(RunState.COOLDOWN)
    run.join(2, 5, 6).wait(7).tick().wait(5).tick().is_at(RunState.WARMUP)
    assert checkpoint_in(run) == "p2p:a/b"


def test_withdrawn_clients_do_not_hold_the_model() -> None:
    run = with_checkpoint(warmup(), "p2p:a").do(SetPaused(True)).do(SetPaused(False)).join(0, 1, 2).wait(5).tick()
    assert checkpoint_in(run.is_at(RunState.WARMUP)) == "hub:a"


def test_clients_of_a_paused_epoch_may_still_submit() -> None:
    run = warmup().do(SetPaused(True)).checkpoint(1, "hub:c")
    assert checkpoint_in(run) == "hub:c"
    assert run.last.log[-1] == "Checkpoint recorded while halted (state: Paused), skipping tick"


def test_a_checkpoint_ticks() -> None:
    warmup().wait(10).checkpoint(1, "hub:c").is_at(RunState.ROUND_TRAIN)
