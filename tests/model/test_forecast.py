"""A forecast compared with the state machine, ticked every second: each step starts at the predicted time."""

from __future__ import annotations

import pytest

from psyche_cli.model.instructions import SetPaused
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.forecast import Forecast, slowest_pace
from tests.model.stages import CONFIG, Run

SCHEDULE = {"Constant": {"base_lr": 1.0, "warmup_init_lr": 0.0, "warmup_steps": 0}}
SEQUENCE = 128


def lived(config: dict[str, int], train_seconds: int | None) -> tuple[dict[int, tuple[int, int, int]], int, int]:
    """The epoch, start (in seconds) and data index of each step, and the epochs and duration of the run.

    Without ``train_seconds``, a witness is always missing, so each state takes its maximum time.
    """
    run = Run(**config, init_min_clients=2, min_clients=1)
    run.do(run.configured)
    run.do(SetPaused(paused=False))
    start, entered, joined_in = run.now, {}, -1
    before = run.state.run_state
    run.join(0, 1)
    while run.state.run_state != RunState.FINISHED:
        run.wait(1).tick()
        state = run.state
        if state.run_state != before and state.run_state == RunState.ROUND_TRAIN:
            entered[state.step] = (state.progress["epoch"], run.now - start, state.current_round.data_index)
            began = run.now
            if joined_in != state.progress["epoch"]:
                joined_in = state.progress["epoch"]
                run.join(0, 1)
            if train_seconds is None:
                run.witness(0)
        elif state.run_state == RunState.ROUND_TRAIN and train_seconds is not None and run.now - began == train_seconds:
            run.witness(0).witness(1)
        before = run.state.run_state
    return entered, run.state.progress["epoch"], run.now - start


@pytest.mark.parametrize("train_seconds", [None, 5])
@pytest.mark.parametrize(
    "changes",
    [
        {"epoch_time": 60},
        {"epoch_time": 56},
        {"epoch_time": 57, "warmup_time": 11},
        {"epoch_time": 21, "warmup_time": 0},
        {"epoch_time": 60, "warmup_time": 0, "global_batch_size_start": 2, "global_batch_size_warmup_tokens": 2000},
        {"epoch_time": 100_000},
        {"epoch_time": 60, "total_steps": 2},
        {"epoch_time": 30, "round_witness_time": 40, "total_steps": 12},
    ],
    ids=str,
)
def test_every_step_starts_when_it_was_foretold(changes: dict[str, int], train_seconds: int | None) -> None:
    config = {**CONFIG, **changes}
    entered, epochs, seconds = lived(changes, train_seconds)
    model = {"LLM": {"max_seq_len": SEQUENCE, "lr_schedule": SCHEDULE}}
    forecast = Forecast(config, model, slowest_pace(config, train_seconds=train_seconds))
    assert list(entered) == list(range(1, forecast.last_step + 1))
    foretold = {step: forecast.at(step) for step in entered}
    assert entered == {step: (at.epoch, at.seconds, at.tokens_before // SEQUENCE) for step, at in foretold.items()}
    assert (forecast.epochs, forecast.seconds) == (epochs, seconds)
