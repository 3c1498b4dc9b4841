"""Wait until a run reaches a state, a step, an epoch or a number of members."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.errors import CannotBeReached, NetworkError, NotReached, RunNotFound
from psyche_cli.operations.status.goals import Goal, members_of
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.stream import RunStream, StreamNotice
from psyche_cli.operations.status.wait_payloads import ReachedData
from psyche_cli.operations.tones import shown_state
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.deadline import Deadline, in_seconds

if TYPE_CHECKING:
    from psyche_cli.environment import Wait
    from psyche_cli.operations.sessions import Session

LONGEST_WAIT: Final = 30 * 86400
"""The maximum of ``--timeout``, in seconds."""

_LOOKED_FOR_EVERY: Final = 2.0
"""Seconds between attempts to read a run that does not exist yet."""

SHOWN_EVERY: Final = 1.0
"""Seconds between updates of what is shown."""


def wait_for_run(
    session: Session,
    *,
    run_id: str,
    goal: Goal,
    timeout: float | None = None,
    may_appear: bool = False,
    treasurer_index: int | None = None,
) -> OperationResult[ReachedData]:
    """Wait until the run reaches the goal, for at most ``timeout`` seconds (None: as long as it takes).

    With ``may_appear``, also waits for a run that does not exist yet. A lost connection is waited for.

    Raises NotReached after the timeout; CannotBeReached if the run was closed or can no longer reach the goal;
    RunNotFound; AccountError; UsageError; NetworkError if the endpoint cannot be reached at the beginning.
    """
    deadline = Deadline(session.feed.clock, math.inf if timeout is None else timeout)
    with (
        session.rpc.waits.showing(f"Waiting for run {run_id} to reach {goal.text}") as wait,
        _opened(session, run_id, treasurer_index, deadline, wait if may_appear else None) as stream,
    ):
        first = seen = stream.latest
        while not is_reached(goal, seen):
            if deadline.passed:
                raise not_reached(goal, seen, deadline)
            _show(wait, seen, deadline)
            item = stream.next(min(SHOWN_EVERY, deadline.remaining))
            if isinstance(item, Observation):
                seen = item
            elif item is not None:
                if stream.ended:
                    raise closed(goal, seen, item)
                report(session, item)
        return _result(first, seen, goal, deadline)


def is_reached(goal: Goal, seen: Observation) -> bool:
    """Whether the run has reached the goal. Raises CannotBeReached."""
    if goal.is_reached(seen.state):
        return True
    obstacle = goal.obstacle(seen.state)
    if obstacle:
        raise CannotBeReached(
            f"Run {seen.run.run_id!r} can no longer reach {goal.text}: {obstacle}.",
            hint="This assumes that its configuration does not change.",
            **_position(seen),
        )
    return False


def not_reached(goal: Goal, seen: Observation, deadline: Deadline) -> NotReached:
    """The error for a goal that was not reached in time."""
    return NotReached(
        f"Run {seen.run.run_id!r} did not reach {goal.text} within {in_seconds(deadline.seconds)}: it is "
        f"{seen.state.run_state.text}, at step {seen.state.step}.",
        hint="Use a longer --timeout, or none.",
        **_position(seen),
    )


def closed(goal: Goal, seen: Observation, notice: StreamNotice) -> CannotBeReached:
    """The error for a run that was closed before it reached the goal."""
    return CannotBeReached(
        f"{notice.message.rstrip('.')} before it reached {goal.text}.",
        hint="Check --run-id and --rpc.",
        **_position(seen),
    )


def report(session: Session, notice: StreamNotice) -> None:
    """Report a change of the connection, or the end of the run, on stderr. A connection is no news."""
    if notice.kind != "connected":
        session.notify(notice.message)


def _position(seen: Observation) -> dict[str, Any]:
    state = seen.state
    return {
        "run_id": seen.run.run_id,
        "state": state.run_state.text,
        "step": state.step,
        "epoch": state.progress["epoch"],
        "members": members_of(state),
    }


def _opened(
    session: Session, run_id: str, treasurer_index: int | None, deadline: Deadline, missing: Wait | None
) -> RunStream:
    """The stream of the run. With ``missing``, waits for a run that does not exist yet, also without a connection."""
    absent: RunNotFound | None = None
    while True:
        try:
            return RunStream(session, run_id, treasurer_index, deadline=deadline)
        except RunNotFound as error:
            if missing is None:
                raise
            absent = error
        except NetworkError:
            if missing is None or absent is None:
                raise
        if deadline.passed:
            absent.hint = f"It did not appear within {in_seconds(deadline.seconds)}. {absent.hint}"
            raise absent
        missing.now("it does not exist yet" + _left(deadline), deadline.remaining)
        session.rpc.waits.sleep(session.feed.clock, min(_LOOKED_FOR_EVERY, deadline.remaining))


def _show(wait: Wait, seen: Observation, deadline: Deadline) -> None:
    state = seen.state
    members = members_of(state)
    count = "1 member" if members == 1 else f"{members} members"
    wait.now(f"{state.run_state.text}, step {state.step}, {count}" + _left(deadline), deadline.remaining)


def _left(deadline: Deadline) -> str:
    return "" if math.isinf(deadline.seconds) else ", {} s left"


def _result(first: Observation, seen: Observation, goal: Goal, deadline: Deadline) -> OperationResult[ReachedData]:
    already, state = seen is first, seen.state
    data = ReachedData(
        already_so=already,
        waited_seconds=round(deadline.elapsed, 3),
        slot=seen.clock.slot,
        time=seen.now,
        **_position(seen),
    )
    return OperationResult(
        summary=f"Run {data.run_id} has {'already ' if already else ''}reached {goal.text}.",
        data=data,
        details=(
            ("state", shown_state(state.run_state, pausing=state.pending_pause)),
            ("epoch", str(data.epoch)),
            ("step", str(data.step)),
            ("members", str(data.members)),
            ("waited", in_seconds(deadline.elapsed)),
        ),
    )
