"""Checks the transitions of workers, and derives the status of a run from its workers. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from psyche_cli.lifecycle.machine import NEGATION, Outlook, Possibility, outlooks
from psyche_cli.lifecycle.worker import WORKER

OPEN: Final = tuple(state.name for state in WORKER.states if not state.is_end)
"""The states of a worker that has not ended, in their order."""
ENDS: Final = tuple(state.name for state in WORKER.states if state.is_end)
RUNNING: Final = OPEN[1:]
"""The states in which a worker has a process."""


class NotAllowed(Exception):
    """The life cycle has no such transition. ``obstacles`` are the conditions that prevent it."""

    def __init__(self, obstacles: tuple[str, ...]) -> None:
        super().__init__()
        self.obstacles = obstacles


def target_of(state: str, event: str, facts: Collection[str]) -> str:
    """The state after an event, if exactly ``facts`` hold. Raises NotAllowed."""
    unknown = [name for name in facts if name not in WORKER.conditions_by_name]
    if unknown:
        raise ValueError(f"not a condition of workers: {', '.join(unknown)}")
    given = [name if name in facts else NEGATION + name for name in WORKER.conditions_by_name]
    found = [one for one in outlooks(WORKER, state, given) if one.transition.trigger == event]
    targets = {one.transition.target for one in found if one.possibility is Possibility.POSSIBLE}
    if not targets:
        raise NotAllowed(_fewest(found))
    [target] = targets
    assert target is not None
    return target


def _fewest(found: Sequence[Outlook]) -> tuple[str, ...]:
    """The obstacles of the transition that is closest to being possible."""
    return min((one.obstacles for one in found), key=len, default=())


def status_of(states: Sequence[tuple[str, str]]) -> str:
    """The status of a run. ``states`` are the state of each worker and the last one that was not an end.

    A run is as far as the worker that got farthest, until all have ended. Then it is CANCELLED if any worker is, else
    FAULTED if any worker is, else TERMINATED.
    """
    if any(state in OPEN for state, _ in states):
        return OPEN[max(OPEN.index(reached) for _, reached in states)]
    ended = {state for state, _ in states}
    return next(state for state in reversed(ENDS) if state in ended)
