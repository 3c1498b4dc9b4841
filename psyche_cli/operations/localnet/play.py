"""``localnet play``: drive a run on a local validator with simulated members, without training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from psyche_cli.environment import Clock, Wait
from psyche_cli.errors import CannotBeReached, Interrupted, PsycheError, UsageError
from psyche_cli.limits import U16_MAX
from psyche_cli.members.crowd import Claimed, Crowd, Habits, simulated_wallets
from psyche_cli.members.local_validator import clock_of_local_validator
from psyche_cli.members.looking import find_run, look_at
from psyche_cli.members.play import Played, play
from psyche_cli.members.run_now import RunNow
from psyche_cli.operations.localnet.play_payloads import PlayedData, PlayedMember, PlayedTransactions
from psyche_cli.operations.sessions import Session
from psyche_cli.operations.status.goals import Goal
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult

_HALTED: Final = Goal((RunState.PAUSED, RunState.FINISHED))


class PlayOptions(NamedTuple):
    """How a run is played.

    ``clients`` is the number of members, by default as many as an epoch needs to begin. Play ends at ``goal``, after
    ``epochs`` epochs or, without both, when the run is Paused or Finished. ``speed`` is in seconds of the cluster per
    real second, by default as fast as possible.
    """

    clients: int | None = None
    goal: Goal | None = None
    epochs: int | None = None
    speed: float | None = None
    seed: int = 0
    habits: Habits = Habits()


def play_run(session: Session, clock: Clock, run_id: str, options: PlayOptions) -> OperationResult[PlayedData]:
    """Let simulated members play the run, and claim their rewards if it has a treasurer.

    Sends nothing if the goal is reached already. Raises LocalnetError for any other cluster than a local validator,
    RunNotFound, WrongRunState for a halted run, CannotBeReached, MayNotJoin, UsageError.
    """
    advance = clock_of_local_validator(session.rpc, clock, options.speed)
    instance = find_run(session.rpc, run_id, session.programs)
    first = look_at(session.rpc, instance, programs=session.programs)[0]
    goal = _goal(first, options)
    _require_possible(run_id, first, goal)
    count = first.account.config["init_min_clients"] if options.clients is None else options.clients
    if options.habits.absent > count:
        raise UsageError(f"--absent {options.habits.absent} is more than the {count} members (--clients).")
    crowd = Crowd(
        session.rpc,
        run_id,
        simulated_wallets(run_id, options.seed, count),
        seed=options.seed,
        habits=options.habits,
        clock=clock,
        programs=session.programs,
    )
    with _annotating_errors(run_id, crowd), session.rpc.waits.showing(f"Playing run {run_id}") as wait:
        played = play(crowd, lambda run: goal.is_reached(run.model), advance, lambda run: _show(wait, run))
        claims = crowd.claim() if crowd.sent else []
        if not goal.is_reached(played.last.model):
            raise _unreached(run_id, played.last, goal, f"it is {played.last.state.text}")
    return _result(run_id, options, goal, played, crowd, claims)


@contextmanager
def _annotating_errors(run_id: str, crowd: Crowd) -> Iterator[None]:
    """Record in every error whether the members have sent anything, and turn KeyboardInterrupt into Interrupted."""
    try:
        yield
    except KeyboardInterrupt as stop:
        error: PsycheError = Interrupted.by(
            stop,
            f"Interrupted while run {run_id!r} was played.",
            hint="Run the command again to continue.",
        )
        crowd.annotate(error)
        raise error from None
    except PsycheError as failure:
        crowd.annotate(failure)
        raise


def _goal(run: RunNow, options: PlayOptions) -> Goal:
    if options.epochs is not None:
        return Goal(epoch=min(run.account.epoch + options.epochs, U16_MAX))
    return options.goal or _HALTED


def _require_possible(run_id: str, run: RunNow, goal: Goal) -> None:
    obstacle = "" if goal is _HALTED or goal.is_reached(run.model) else goal.obstacle(run.model)
    if obstacle:
        raise _unreached(run_id, run, goal, obstacle)


def _unreached(run_id: str, run: RunNow, goal: Goal, why: str) -> CannotBeReached:
    return CannotBeReached(
        f"Run {run_id!r} can no longer reach {goal.text}: {why}.",
        hint="This assumes that its configuration does not change.",
        run_id=run_id,
        state=run.state.text,
        step=run.account.step,
        epoch=run.account.epoch,
    )


def _show(wait: Wait, run: RunNow) -> None:
    wait.now(f"{run.state.text}, epoch {run.account.epoch}, step {run.account.step}")


def _result(
    run_id: str, options: PlayOptions, goal: Goal, played: Played, crowd: Crowd, claims: list[Claimed]
) -> OperationResult[PlayedData]:
    last = played.last
    kinds = sorted(crowd.sent.keys() | crowd.refused.keys())
    already = not crowd.sent
    data = PlayedData(
        run_id=run_id,
        already_so=already,
        seed=options.seed,
        state=last.state.text,
        epoch=last.account.epoch,
        step=last.account.step,
        rounds=played.rounds,
        seconds=max(last.now - played.first.now, 0),
        transactions=tuple(PlayedTransactions(kind, crowd.sent[kind], crowd.refused[kind]) for kind in kinds),
        members=tuple(PlayedMember(str(one.wallet), one.earned, one.claimed) for one in claims),
    )
    return OperationResult(
        summary=f"Run {run_id} has {'already ' if already else ''}reached {goal.text}.",
        data=data,
        details=_details(data, last, claims),
    )


def _details(data: PlayedData, last: RunNow, claims: list[Claimed]) -> tuple[tuple[str, str], ...]:
    rows: list[tuple[str, str]] = [
        ("state", shown_state(last.state, pausing=last.account.pending_pause)),
        ("epoch", str(data.epoch)),
        ("step", str(data.step)),
    ]
    if data.already_so:
        return tuple(rows)
    sent = ", ".join(f"{one.sent} {one.kind}" for one in data.transactions if one.sent > 0)
    refused = ", ".join(f"{one.refused} {one.kind}" for one in data.transactions if one.refused > 0)
    rows += [
        ("rounds played", str(data.rounds)),
        ("cluster time", f"{data.seconds} s"),
        ("members", str(len(data.members))),
        ("transactions", sent),
        *([("refused", refused)] if refused else []),
        ("points earned", str(sum(one.earned for one in claims))),
        ("points claimed", str(sum(one.claimed for one in claims))),
    ]
    return tuple(rows)
