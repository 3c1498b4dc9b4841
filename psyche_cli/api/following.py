"""Following runs. The run is read every two seconds; states in between are obtained from the endpoint's ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psyche_cli.api.sessions import Session
from psyche_cli.errors import UsageError
from psyche_cli.operations.status import wait, watch
from psyche_cli.operations.status.event_payloads import RunEvent
from psyche_cli.operations.status.goals import Goal
from psyche_cli.operations.status.wait_payloads import ReachedData
from psyche_cli.protocol.run_states import RunState


def watch_run(
    session: Session,
    *,
    run_id: str,
    until: Sequence[RunState] = (),
    timeout: float | None = None,
    treasurer_index: int | None = None,
) -> Iterator[RunEvent]:
    """The events of a run, as in ``psyche-cli watch``: first ``observed`` with its status, then every change.

    Ends once the run is in one of the states ``until``; without them, when it is closed or after ``timeout`` seconds.
    The session must stay open meanwhile. Raises NotReached after ``timeout``, CannotBeReached if the run can no longer
    be in such a state, and the errors of ``find_run``.
    """
    goal = Goal(states=tuple(until)) if until else None
    with session.reading() as operation:
        moments = watch.watch_run(operation, run_id=run_id, goal=goal, timeout=timeout, treasurer_index=treasurer_index)
        for moment in moments:
            yield from moment.events


def wait_for_run(
    session: Session,
    *,
    run_id: str,
    states: Sequence[RunState] = (),
    step: int | None = None,
    epoch: int | None = None,
    members: int | None = None,
    timeout: float | None = None,
    treasurer_index: int | None = None,
) -> ReachedData:
    """Wait until a run is in one of the states, or has reached a step, an epoch or a number of members.

    Exactly one of them must be given. Waits for at most ``timeout`` seconds; None means as long as it takes.
    Raises NotReached, CannotBeReached, UsageError and the errors of ``find_run``.
    """
    if [states or None, step, epoch, members].count(None) != 3:
        raise UsageError("Specify exactly one of states, step, epoch and members.")
    goal = Goal(states=tuple(states), step=step, epoch=epoch, members=members)
    with session.reading() as operation:
        return wait.wait_for_run(
            operation, run_id=run_id, goal=goal, timeout=timeout, treasurer_index=treasurer_index
        ).data
