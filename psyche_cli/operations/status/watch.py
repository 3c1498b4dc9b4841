"""Follow a run: what happens, as events, and the newest observation for a screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.operations.status.event_payloads import Closed, Observed, RunEvent
from psyche_cli.operations.status.event_source import EventSource
from psyche_cli.operations.status.observation import Observation
from psyche_cli.operations.status.run_events import events_between
from psyche_cli.operations.status.show import show_data
from psyche_cli.operations.status.stream import RunStream
from psyche_cli.operations.status.wait import SHOWN_EVERY, closed, is_reached, not_reached
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.suggestions import GivenOptions

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.status.goals import Goal
    from psyche_cli.operations.status.stream import StreamNotice


class Moment(NamedTuple):
    """The newest observation of a run, the events that led to it, and a notice about the connection, if any."""

    seen: Observation
    events: Sequence[RunEvent] = ()
    notice: StreamNotice | None = None


def watch_run(
    session: Session,
    *,
    run_id: str,
    goal: Goal | None = None,
    timeout: float | None = None,
    treasurer_index: int | None = None,
) -> Iterator[Moment]:
    """Follow a run until it reaches the goal, for at most ``timeout`` seconds (None: as long as it takes).

    The first event is Observed. So is the next one after the chain was rolled back, in place of what was undone. There
    is at least one moment per second, usually without events. Without a goal, the end of the run or of the time ends
    the iteration.

    Raises NotReached or CannotBeReached for a goal; RunNotFound, AccountError, UsageError; NetworkError if the endpoint
    cannot be reached at the beginning.
    """
    deadline = Deadline(session.feed.clock, math.inf if timeout is None else timeout)
    with RunStream(session, run_id, treasurer_index, deadline=deadline) as stream:
        seen, is_known = stream.latest, False
        while True:
            item = stream.next(min(SHOWN_EVERY, deadline.remaining))
            if item is None:
                if deadline.passed:
                    break
                yield Moment(seen)
            elif isinstance(item, Observation):
                events = events_between(seen, item) if is_known else [observed(item, session.given)]
                seen, is_known = item, True
                yield Moment(seen, events)
                if goal is not None and is_reached(goal, seen):
                    return
            else:
                is_known = is_known and item.kind != "rolled_back"
                ends = [EventSource(seen, seen).event(Closed)] if stream.ended else ()
                yield Moment(seen, ends, item if goal is None or not stream.ended else None)
                if stream.ended and goal is not None:
                    raise closed(goal, seen, item)
                if stream.ended:
                    return
        if goal is not None:
            raise not_reached(goal, seen, deadline)


def observed(seen: Observation, given: GivenOptions) -> Observed:
    """The event with the status of a run, from which a reader of events can start."""
    return EventSource(seen, seen).event(Observed, run=show_data(seen, (), given))
