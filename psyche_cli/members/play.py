"""Playing a run: simulated members act, and the clock of a local validator is advanced between their actions."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Final, NamedTuple

from psyche_cli.errors import WrongRunState
from psyche_cli.members.crowd import Crowd
from psyche_cli.members.run_now import RunNow
from psyche_cli.protocol.run_states import RunState

_NEVER_LONGER: Final = 86_400
"""Seconds by which the clock is advanced at most at once, because the owner may change the run meanwhile."""


class Played(NamedTuple):
    """What was played: ``first`` and ``last`` are the run before and after, and ``rounds`` those that ended."""

    first: RunNow
    last: RunNow
    rounds: int


def play(
    crowd: Crowd,
    is_reached: Callable[[RunNow], bool],
    advance: Callable[[int], None],
    on_change: Callable[[RunNow], None] = lambda _: None,
) -> Played:
    """Let the members act until the run has reached a goal, or is halted.

    ``advance`` advances the clock of the cluster by a number of seconds. ``on_change`` is called with the run whenever
    its state has changed. Raises WrongRunState if the run cannot continue: it is halted at the beginning, or too few
    members can join it; and the errors of ``Crowd``.
    """
    first = run = crowd.look()
    if is_reached(run):
        return Played(first, run, 0)
    if run.state.is_halted:
        raise _stuck(
            crowd,
            run,
            f"is {run.state.text}, so its members have nothing to do",
            _how_to_resume(crowd.instance.run_id, run.state),
        )
    crowd.prepare()
    rounds = 0
    while not is_reached(run) and not run.state.is_halted:
        if not crowd.act(run):
            wake = crowd.wakes_at(run)
            if wake == 0:
                raise _stuck(crowd, run, f"cannot continue: {run.tick.reason}", _MORE)
            advance(min(max(wake - run.now, 1), _NEVER_LONGER))
        latest = crowd.look()
        rounds += latest.account.step - run.account.step
        if (latest.state, latest.round_id) != (run.state, run.round_id):
            on_change(latest)
        run = latest
    return Played(first, run, rounds)


_MORE: Final = "Play it with more --clients, or lower init_min_clients."


def _how_to_resume(run_id: str, state: RunState) -> str:
    if state == RunState.FINISHED:
        return ""
    return f"Start or resume it first: psyche-cli set-paused --resume --run-id {shlex.quote(run_id)}"


def _stuck(crowd: Crowd, run: RunNow, why: str, hint: str) -> WrongRunState:
    run_id = crowd.instance.run_id
    return WrongRunState(
        f"Run {run_id!r} {why}.", hint=hint, run_id=run_id, state=run.state.text, step=run.account.step
    )
