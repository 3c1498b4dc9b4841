"""The simulation of a run in virtual time, until it ends or nothing can change anymore."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final

from psyche_cli.model.instructions import SetPaused, Tick
from psyche_cli.model.outcomes import Outcome
from psyche_cli.model.simulation.behavior import Change
from psyche_cli.model.simulation.history import EpochRecord, History
from psyche_cli.model.simulation.jumps import LONGEST, EpochSkipper, skip_rounds
from psyche_cli.model.simulation.recorder import Recorder
from psyche_cli.model.simulation.world import World
from psyche_cli.model.states import CoordinatorState, OlderState, initial_state
from psyche_cli.protocol.run_states import RunState

MOST_SECONDS: Final = 200_000
"""Maximum number of seconds that are executed one by one."""
MOST_WORK: Final = 60_000
"""Maximum work between two skips, so that irregular rounds of many clients take some seconds too. Each executed second
counts as the number of the epoch's clients, plus ``_WORK_PER_SECOND``."""
_WORK_PER_SECOND: Final = 7


class End(Enum):
    """How a simulation ended."""

    FINISHED = "finished"
    PAUSED = "paused"
    EPOCHS = "epochs"
    STUCK = "stuck"
    TOO_LONG = "too-long"


@dataclass(frozen=True)
class Simulation:
    """The course of a run. ``state`` is its state at the end, at ``now`` (Unix seconds).

    STUCK means that nothing changes anymore, although someone ticks; ``failure`` is the outcome of every tick, or of
    the attempt to resume, if it fails. TOO_LONG means that the run takes longer than 35,000 years, or that it is too
    irregular to be simulated further. ``refused_joins`` are wallets that could not join. ``unreached`` are changes for
    steps that the run did not reach.
    """

    end: End
    state: CoordinatorState
    started_at: int
    now: int
    history: History
    epochs: list[EpochRecord]
    refused_joins: frozenset[bytes]
    unreached: tuple[Change, ...]
    failure: Outcome | None = None


def new_run(
    config: Mapping[str, int],
    model: Mapping[str, Any],
    *,
    earning_rate: int = 0,
    rounds_per_epoch: int | None = None,
) -> CoordinatorState:
    """A configured run that was not started yet. With ``rounds_per_epoch``, it follows the older rules.

    ``earning_rate`` is the reward of an epoch, in points.
    """
    state = replace(initial_state("simulation", ""), config=dict(config), model=dict(model))
    state = replace(state, future_epoch_rates=state.future_epoch_rates._replace(earning_rate_total_shared=earning_rate))
    return state if rounds_per_epoch is None else with_older_rules(state, rounds_per_epoch)


def with_older_rules(state: CoordinatorState, rounds_per_epoch: int) -> OlderState:
    """The same run under the older rules."""
    values = {name: getattr(state, name) for name in CoordinatorState.__dataclass_fields__}
    return OlderState(**values, rounds_per_epoch=rounds_per_epoch)


def simulate(world: World, *, epochs: int | None = None, every_second: bool = False) -> Simulation:
    """Execute a run until it finishes, pauses, is stuck, or ``epochs`` epochs have ended.

    A halted run is resumed first; if the program refuses that, the run is stuck. With ``every_second``, nothing is
    skipped: the slow way to the same result.
    """
    started_at, first_epoch = world.now, world.state.progress["epoch"]
    refusal = _resume(world)
    recorder = Recorder(world)
    last_epoch = None if epochs is None else first_epoch + epochs
    if refusal is None:
        end, failure = _execute(world, recorder, last_epoch, every_second=every_second)
    else:
        end, failure = refusal
    return Simulation(
        end=end,
        state=world.state,
        started_at=started_at,
        now=world.now,
        history=recorder.history,
        epochs=recorder.epochs,
        refused_joins=frozenset(world.refused_joins),
        unreached=tuple(world.plan),
        failure=failure,
    )


def _resume(world: World) -> tuple[End, Outcome | None] | None:
    """Resume a halted run. The end of the simulation if that is impossible."""
    if world.state.run_state == RunState.FINISHED:
        return End.FINISHED, None
    if world.state.run_state.is_halted:
        outcome = world.do(SetPaused(paused=False))
        if not outcome.succeeded:
            return End.STUCK, outcome
    return None


def _execute(
    world: World, recorder: Recorder, last_epoch: int | None, *, every_second: bool
) -> tuple[End, Outcome | None]:
    skipper = EpochSkipper(world, recorder, last_epoch)
    started_at, work = world.now, 0
    for _ in range(MOST_SECONDS):
        now = world.now
        nonce = world.state.nonce
        changed = world.play()
        ticks = world.state.nonce - nonce
        state = world.state
        if state.run_state.is_halted:
            return (End.FINISHED if state.run_state == RunState.FINISHED else End.PAUSED), None
        if last_epoch is not None and state.progress["epoch"] >= last_epoch:
            return End.EPOCHS, None
        if not every_second and state.run_state_start_timestamp == world.now:
            if state.run_state == RunState.ROUND_TRAIN:
                skip_rounds(world, recorder)
            elif state.run_state == RunState.WAITING_FOR_MEMBERS:
                skipper.at_waiting()
            work = work if world.now == now else 0
        later = [world.now + 1] if changed else [time for time in world.due_times() if time > world.now]
        if not later:
            failed = world.attempt(Tick())
            return End.STUCK, None if failed.succeeded else failed
        following = world.now + 1 if every_second else min(later)
        work += 0 if every_second else len(state.epoch.clients) + _WORK_PER_SECOND
        if following - started_at > LONGEST or work > MOST_WORK:
            return End.TOO_LONG, None
        world.skip(following, ticks)
    return End.TOO_LONG, None
