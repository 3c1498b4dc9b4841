"""When the state of a run ends, and when its epoch and the run itself end.

The times follow from the guards of the machine ``psyche-run``, the configuration and the clock of the cluster. A time
limit ends a state with the first tick after it, so all latest times assume that a client ticks. All times are Unix
seconds by the clock of the cluster; durations are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from psyche_cli.limits import ROUNDS_AFTER_EPOCH_TIME
from psyche_cli.model.committee import CommitteeSelection, expected_witnesses
from psyche_cli.model.due import DURATION_KEYS
from psyche_cli.model.outcomes import Refusal
from psyche_cli.model.states import CoordinatorState
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.forecast import slowest_pace

WaitsFor: TypeAlias = Literal["owner", "members", "reports", "time", "nothing"]
"""What ends a state: the owner; members who join; reports of members, or at the latest time; time; nothing."""

OVERDUE_AFTER: Final = 10
"""Seconds after the latest time from which a state counts as overdue. Clients do not tick in every second."""

_IN_EPOCH = (RunState.WARMUP, RunState.ROUND_TRAIN, RunState.ROUND_WITNESS, RunState.COOLDOWN)


class StepPace(NamedTuple):
    """The seconds that a step takes. ``measured`` are the steps of this epoch that it was measured from; 0 if it is the
    slowest pace that the configuration allows."""

    seconds: float
    measured: int


class EpochEnd(NamedTuple):
    """The rest of an epoch, including the round in progress and Cooldown.

    ``fewest`` and ``most`` are the rounds left if every round takes its longest or its shortest time. The estimates are
    those at the pace of the run. An epoch also ends after the round in progress if too few clients or witnesses are
    left, which ``fewest`` and ``earliest`` do not consider.
    """

    fewest: int
    most: int
    estimated_rounds: int
    earliest: int
    latest: int
    estimate: int


class Timing(NamedTuple):
    """What the state of a run waits for, and when it ends.

    ``since`` is None for a run that was never started. ``present`` and ``needed`` count the members that have joined,
    in WaitingForMembers, or the reports of members that end the state early, in Warmup and RoundTrain; both are 0 in
    all other states.

    The state cannot end before ``earliest``, unless the owner pauses the run in WaitingForMembers or Warmup; None if
    only the owner can end it. It ends with the first tick at or after ``latest``; None if only members or the owner can
    end it.

    ``steps_left`` includes the step in progress. ``seconds_left`` is the time that the rest of the run takes at
    ``pace`` if nothing delays it; None without a configuration. ``run_end`` is when the run ends then; None if it waits
    for its owner or for members, or if a pause is pending.
    """

    state: RunState
    now: int
    since: int | None
    waits_for: WaitsFor
    present: int
    needed: int
    earliest: int | None
    latest: int | None
    steps_left: int
    pace: StepPace | None
    epoch_end: EpochEnd | None
    seconds_left: int | None
    run_end: int | None

    @property
    def missing(self) -> int:
        """The members or reports that are still missing."""
        return max(self.needed - self.present, 0)

    @property
    def overdue(self) -> int:
        """Seconds for which the state has been overdue, because nobody ticks; 0 if it is not."""
        late = 0 if self.latest is None else self.now - self.latest
        return late if late >= OVERDUE_AFTER else 0


def timing_of(state: CoordinatorState, now: int) -> Timing:
    """The timing of a run, from its state and the time of the cluster."""
    present, needed = _counts(state)
    earliest, latest = _bounds(state, now, enough=present >= needed)
    pace = _pace(state)
    epoch_end = None
    if pace is not None and earliest is not None and latest is not None and state.run_state in _IN_EPOCH:
        epoch_end = _epoch_end(state, pace, earliest, max(latest, now))
    seconds_left = None if pace is None else _seconds_left(state, now, pace, epoch_end)
    ends = seconds_left is not None and latest is not None and not state.pending_pause
    return Timing(
        state=state.run_state,
        now=now,
        since=state.run_state_start_timestamp if state.run_state_start_timestamp > 0 else None,
        waits_for=_waits_for(state.run_state, missing=present < needed),
        present=present,
        needed=needed,
        earliest=earliest,
        latest=latest,
        steps_left=_steps_left(state),
        pace=pace,
        epoch_end=epoch_end,
        seconds_left=seconds_left,
        run_end=now + seconds_left if ends and seconds_left is not None else None,
    )


def _counts(state: CoordinatorState) -> tuple[int, int]:
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        joined = sum(client.active == state.next_active for client in state.clients)
        return joined, state.config["init_min_clients"]
    if state.run_state in (RunState.WARMUP, RunState.ROUND_TRAIN):
        return len(state.current_round.witnesses), expected_witnesses(state.config, len(state.epoch.clients))
    return 0, 0


def _waits_for(state: RunState, *, missing: bool) -> WaitsFor:
    if state == RunState.FINISHED:
        return "nothing"
    if state.is_halted:
        return "owner"
    if state == RunState.WAITING_FOR_MEMBERS:
        return "members" if missing else "time"
    return "reports" if state in (RunState.WARMUP, RunState.ROUND_TRAIN) else "time"


def _bounds(state: CoordinatorState, now: int, *, enough: bool) -> tuple[int | None, int | None]:
    """The earliest and the latest end of the state."""
    if state.run_state.is_halted:
        return None, None
    over = state.run_state_start_timestamp + _duration(state.config, state.run_state)
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        return max(over, now), over if enough else None
    if state.run_state == RunState.WARMUP or (state.run_state == RunState.ROUND_TRAIN and _can_report(state)):
        return now, over
    return max(over, now), over


def _duration(config: Mapping[str, int], state: RunState) -> int:
    """The longest duration of a state: at least a second, because no state times out in the one it was entered in."""
    return max(config[DURATION_KEYS[state]], 1)


def _can_report(state: CoordinatorState) -> bool:
    """Whether the program accepts any witness of the round."""
    try:
        CommitteeSelection.of(state.current_round, state.config)
    except Refusal:
        return False
    return True


def _pace(state: CoordinatorState) -> StepPace | None:
    config = state.config
    slowest = config["max_round_train_time"] + config["round_witness_time"]
    if slowest == 0:
        return None
    measured = _measured_steps(state)
    if measured is None:
        return StepPace(slowest, 0)
    steps, elapsed = measured
    # The elapsed time includes Warmup, whose end the account does not show.
    without_warmup = elapsed - _duration(config, RunState.WARMUP)
    return StepPace(max(without_warmup, min(elapsed, steps * slowest), steps) / steps, steps)


def _measured_steps(state: CoordinatorState) -> tuple[int, int] | None:
    """The steps of this epoch up to the latest one whose end is known, and the seconds from the epoch's start to it."""
    done = state.step - state.epoch.start_step
    end = state.run_state_start_timestamp
    if state.run_state == RunState.ROUND_WITNESS:
        done += 1
        end += _duration(state.config, RunState.ROUND_WITNESS)
    elif state.run_state not in (RunState.ROUND_TRAIN, RunState.COOLDOWN):
        return None
    elapsed = end - state.epoch.start_timestamp
    return (done, elapsed) if done > 0 and elapsed > 0 and state.epoch.start_timestamp > 0 else None


def _steps_left(state: CoordinatorState) -> int:
    """The steps that the run still trains, including the one in progress. A new run starts with step 1."""
    if state.run_state == RunState.FINISHED:
        return 0
    return max(state.config["total_steps"] - max(state.step, 1), 0)


def _seconds_left(state: CoordinatorState, now: int, pace: StepPace, epoch_end: EpochEnd | None) -> int:
    config = state.config
    steps = _steps_left(state)
    train = round(pace.seconds) - config["round_witness_time"]
    epochs = slowest_pace(config, train_seconds=max(train, 0))
    this_epoch = 0
    if epoch_end is not None:
        steps = max(steps - epoch_end.estimated_rounds, 0)
        this_epoch = epoch_end.estimate - now
    elif state.run_state == RunState.WAITING_FOR_MEMBERS:
        this_epoch = -min(max(now - state.run_state_start_timestamp, 0), epochs.waiting)
    return this_epoch + -(-steps // epochs.rounds) * epochs.between_rounds + round(steps * pace.seconds)


def _epoch_end(state: CoordinatorState, pace: StepPace, earliest: int, latest: int) -> EpochEnd:
    """The end of the epoch in which the state ends between ``earliest`` and ``latest``."""
    cooldown = _duration(state.config, RunState.COOLDOWN)
    if state.run_state == RunState.COOLDOWN:
        return EpochEnd(0, 0, 0, earliest, latest, latest)
    witness, train = _duration(state.config, RunState.ROUND_WITNESS), _duration(state.config, RunState.ROUND_TRAIN)
    shortest, longest = witness if _can_report(state) else train + witness, train + witness
    # The earliest, latest and estimated end of the first round that has not ended.
    first, last, likely = earliest, latest, latest
    if state.run_state == RunState.WARMUP:
        first, last, likely = first + shortest, last + longest, likely + round(pace.seconds)
    elif state.run_state == RunState.ROUND_TRAIN:
        trained = state.run_state_start_timestamp + round(pace.seconds) - witness
        first, last, likely = first + witness, last + witness, min(max(trained, earliest), latest) + witness
    fewest = _rounds_left(state, last, longest)
    most = _rounds_left(state, first, shortest)
    rounds = _rounds_left(state, likely, max(pace.seconds, shortest))
    ends_early, ends_late = first + (most - 1) * shortest, last + (fewest - 1) * longest
    if fewest != most:
        over = state.epoch.start_timestamp + state.config["epoch_time"]
        limit = max(state.config["total_steps"] - state.step, 1) - 1
        ends_early = min(max(over, first) + ROUNDS_AFTER_EPOCH_TIME * shortest, first + limit * shortest)
        ends_late = min(max(over - 1 + longest, last) + ROUNDS_AFTER_EPOCH_TIME * longest, last + limit * longest)
    likely += round((rounds - 1) * pace.seconds)
    return EpochEnd(
        fewest=fewest,
        most=most,
        estimated_rounds=rounds,
        earliest=ends_early + cooldown,
        latest=ends_late + cooldown,
        estimate=min(max(likely, ends_early), ends_late) + cooldown,
    )


def _rounds_left(state: CoordinatorState, first: int, each: float) -> int:
    """The rounds left if the first of them ends at ``first`` and all others take ``each`` seconds."""
    if state.pending_pause:
        return 1
    limit = max(state.config["total_steps"] - state.step, 1)
    if state.epoch.last_step > 0:
        return max(min(state.epoch.last_step - state.step, limit), 1)
    over = state.epoch.start_timestamp + state.config["epoch_time"]
    return min(1 + max(math.ceil((over - first) / each), 0) + ROUNDS_AFTER_EPOCH_TIME, limit)
