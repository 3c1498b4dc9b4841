"""Runs in every state on a local validator whose clock stands still, for pictures and snapshots of their screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from psyche_cli.protocol.run_states import RunState
from tests.support.run_driver import CONFIG, RunDriver

START: Final = 1_800_000_000
"""The time at which the clock of the validator stands: 2027-01-15 08:00:00 UTC."""

METADATA: Final = {"name": "Tiny Llama", "description": "", "num_parameters": 0, "vocab_size": 0}


def named_run(run: RunDriver) -> RunDriver:
    """A configured run with a name and rates."""
    run.create()
    run.update(metadata=METADATA)
    run.set_rates(earning=1500)
    return run


def run_that_waits(run: RunDriver) -> RunDriver:
    """A run that waits for members, of which two have joined."""
    named_run(run).resume()
    run.wait(2)
    run.join(0, 1)
    return run


def run_in_first_round(run: RunDriver) -> RunDriver:
    """A run in the first round of its first epoch, with 3 members."""
    run_that_waits(run).start_training(0, 1, 2)
    return run


def run_in_fourth_round(run: RunDriver) -> RunDriver:
    """A run in its fourth round: one of four members has been dropped, and another one has joined the next epoch."""
    run_that_waits(run).start_training(0, 1, 2, 3)
    run.play_round(3)
    run.play_round(3)
    run.report_absent(0, 3)
    run.wait(1)
    run.play_round(3)
    run.join(0, 4)
    run.wait(4)
    run.witness(1)
    run.wait(2)
    return run


def run_in_witness(run: RunDriver) -> RunDriver:
    """A run at the end of its first round, with 2 of 3 witnesses."""
    run_in_first_round(run).wait(1)
    run.witness(0, 2)
    run.tick(19)
    run.wait(1)
    return run


def run_in_cooldown(run: RunDriver) -> RunDriver:
    """A run in the cooldown of its first epoch, with a pending pause."""
    run_in_first_round(run).play_round()
    run.pause()
    run.play_round()
    run.wait(3)
    assert run.stage == RunState.COOLDOWN
    return run


def run_that_waits_again(run: RunDriver) -> RunDriver:
    """A run that waits for the members of its second epoch; one has joined and the others must join again."""
    run_in_first_round(run).play_to_cooldown()
    run.join(1)
    run.end_cooldown()
    run.wait(700)
    return run


def run_that_is_overdue(run: RunDriver) -> RunDriver:
    """A run in Warmup that no client ticks."""
    run_that_waits(run).enter_warmup(0, 1, 2)
    run.report_warmup(0)
    run.wait(200)
    return run


def run_in_warmup(run: RunDriver) -> RunDriver:
    """A run in Warmup."""
    run_that_waits(run).enter_warmup(0, 1, 2)
    run.wait(2)
    run.report_warmup(0)
    run.wait(1)
    return run


def run_that_is_paused(run: RunDriver) -> RunDriver:
    """A run that was paused at the end of its first epoch."""
    run_in_cooldown(run).end_cooldown()
    run.wait(3600)
    return run


def run_that_is_finished(run: RunDriver) -> RunDriver:
    """A run with all steps done."""
    run.create(config={**CONFIG, "total_steps": 3})
    run.resume()
    run.start_training(0, 1, 2)
    run.play_round()
    run.play_round()
    run.end_cooldown()
    run.wait(86_400)
    assert run.stage == RunState.FINISHED
    return run


RUNS: Final[Mapping[str, Callable[[RunDriver], RunDriver]]] = {
    "configured": named_run,
    "waiting": run_that_waits,
    "waiting-again": run_that_waits_again,
    "warmup": run_in_warmup,
    "overdue": run_that_is_overdue,
    "first-round": run_in_first_round,
    "training": run_in_fourth_round,
    "witness": run_in_witness,
    "cooldown": run_in_cooldown,
    "paused": run_that_is_paused,
    "finished": run_that_is_finished,
}
"""A run in each state, by the name of its snapshot."""
