"""Playing a run: simulated members act, and the clock of a local validator is advanced between their actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from psyche_cli.environment import Clock
from psyche_cli.errors import LocalnetError, RpcError, WrongRunState
from psyche_cli.members.crowd import Crowd
from psyche_cli.members.run_now import RunNow
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import METHOD_NOT_FOUND

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
        raise _stuck(crowd, run, f"is {run.state.text}, so its members have nothing to do", _how_to_resume(run.state))
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


def clock_of_local_validator(rpc: RpcClient, clock: Clock, speed: float | None = None) -> Callable[[int], None]:
    """A function that advances the clock of the local validator behind ``rpc``.

    With ``speed``, it takes one real second per ``speed`` seconds of the cluster, otherwise none. Raises LocalnetError
    if the cluster is not a local validator of psyche-cli.
    """

    def warp(seconds: int) -> None:
        try:
            rpc.call("localnet_warpSeconds", [seconds], lambda result: result, retry=False)
        except RpcError as error:
            if error.rpc_code != METHOD_NOT_FOUND:
                raise
            raise LocalnetError(
                f"{rpc.label} is not a psyche-cli local validator, whose clock could be advanced.",
                hint="Start one with: psyche-cli localnet",
            ) from error

    def warp_slowly(seconds: int) -> None:
        if speed is not None:
            clock.sleep(seconds / speed)
        warp(seconds)

    warp(0)
    return warp_slowly


_MORE: Final = "Play it with more --clients, or lower init_min_clients."


def _how_to_resume(state: RunState) -> str:
    return "" if state == RunState.FINISHED else "Resume it first: psyche-cli set-paused --resume --run-id ID"


def _stuck(crowd: Crowd, run: RunNow, why: str, hint: str) -> WrongRunState:
    run_id = crowd.instance.run_id
    return WrongRunState(
        f"Run {run_id!r} {why}.", hint=hint, run_id=run_id, state=run.state.text, step=run.account.step
    )
