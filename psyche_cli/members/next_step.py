"""What a member does next, as a pure function of what it sees and remembers."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from psyche_cli.members.run_now import Absence, RoundId
from psyche_cli.members.view import RunView
from psyche_cli.protocol.run_states import RunState


class Join(NamedTuple):
    """Join the epoch that is about to begin."""


class ReportWarmup(NamedTuple):
    """Report that the model is loaded."""


class Train(NamedTuple):
    """Train ``sequences`` of the data for ``round``, of step ``step``."""

    round: RoundId
    step: int
    sequences: range


class Witness(NamedTuple):
    """Report what the member has seen of ``round``."""

    round: RoundId


class ReportAbsent(NamedTuple):
    """Report a member that was absent from the previous round."""

    absence: Absence


class Checkpoint(NamedTuple):
    """Save the model after ``epoch``, and record where it is."""

    epoch: int


class Tick(NamedTuple):
    """Tick the run, because the time of its state is over."""


class Claim(NamedTuple):
    """Claim ``points`` from the treasurer."""

    points: int


class Wait(NamedTuple):
    """Do nothing until ``until`` (Unix seconds of the cluster) or until the run changes; 0 without a time."""

    until: int


Step: TypeAlias = Join | ReportWarmup | Train | Witness | ReportAbsent | Checkpoint | Tick | Claim | Wait


class Memory(NamedTuple):
    """What a member knows besides the chain.

    ``trained`` is the latest round that it has trained. ``complete`` is the latest round of which it has all results
    that it waits for, so that it can witness it. ``saved`` is the latest epoch after which it has saved the model.
    """

    is_loaded: bool = True
    trained: RoundId | None = None
    complete: RoundId | None = None
    saved: int = -1
    saves: bool = False
    ticks: bool = True
    claims: bool = True
    is_leaving: bool = False


def next_step(view: RunView, memory: Memory) -> Step:
    """The most urgent thing that the member has to do now.

    A member that is leaving completes the epoch, so that it is paid, but does not join the next one. Reports come
    before a tick that is due, because the tick may end the round for which they are.
    """
    step = _step_in_state(view, memory)
    if step is not None:
        return step
    if memory.ticks and view.is_tick_due:
        return Tick()
    work = _work(view, memory)
    if work is not None:
        return work
    if memory.claims and view.claimable > 0 and not view.is_training:
        return Claim(view.claimable)
    return Wait(view.due_at)


def _step_in_state(view: RunView, memory: Memory) -> Step | None:
    match view.state:
        case RunState.WAITING_FOR_MEMBERS:
            return Join() if not memory.is_leaving and not view.has_joined else None
        case RunState.WARMUP:
            is_needed = view.is_healthy and not view.has_reported
            return ReportWarmup() if memory.is_loaded and is_needed else None
        case RunState.ROUND_TRAIN | RunState.ROUND_WITNESS:
            return _report(view, memory)
    return None


def _report(view: RunView, memory: Memory) -> Step | None:
    if not view.is_healthy:
        return None
    if memory.complete == view.round_id and not view.has_reported and view.is_witness:
        return Witness(view.round_id)
    absences = [absence for absence in view.run.absences if absence.wallet != view.wallet]
    return ReportAbsent(absences[0]) if absences else None


def _work(view: RunView, memory: Memory) -> Step | None:
    if view.is_training and view.is_healthy and memory.trained != view.round_id:
        return Train(view.round_id, view.step, view.sequences)
    if view.state == RunState.COOLDOWN and memory.saves and view.is_saver and memory.saved != view.epoch:
        return Checkpoint(view.epoch)
    return None
