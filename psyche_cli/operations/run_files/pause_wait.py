"""Waiting until the pause of a run takes effect."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, TypeAlias

from psyche_cli.durations import format_duration, rough_duration
from psyche_cli.errors import NetworkError, NotReached, WrongRunState
from psyche_cli.operations.run_files.payloads import PauseProgress
from psyche_cli.operations.runs.find import Run, find_run, find_run_again
from psyche_cli.operations.runs.set_paused import set_paused
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.run_states import RunState
from psyche_cli.solana.rpc.deadline import Deadline

OnTimeout: TypeAlias = Literal["leave", "resume"]

LONGEST: Final = 30 * 86400
"""The maximum of the time to wait, in seconds."""

_EVERY: Final = 2.0
"""Seconds between two looks at the run."""

_REPORTED_EVERY: Final = 10.0
"""Seconds between two reports."""


class PauseWait(NamedTuple):
    """How long to wait for a pause, in seconds, and what happens afterwards.

    ``leave`` leaves the run pausing. ``resume`` waits for the pause as long again, and resumes the run without the
    change: programs cannot cancel a pending pause. ``report`` receives the state of the wait at its beginning and every
    ten seconds.
    """

    seconds: int
    on_timeout: OnTimeout
    report: Callable[[PauseProgress], None] = lambda _: None


def wait_until_paused(session: SigningSession, run_id: str, treasurer_index: int | None, wait: PauseWait) -> None:
    """Wait until the run is Paused. An endpoint that fails meanwhile is waited for.

    Raises NotReached after the time, WrongRunState if another process resumes the run, and the errors of the requests.
    """
    reports = _Reports(session, wait)

    def look() -> Run:
        return _look(session, run_id, lambda: find_run(session, run_id, treasurer_index), wait.seconds, reports)

    run = look()
    if not _is_pausing(run):
        if not run.account.run_state.is_halted:
            raise WrongRunState(
                f"Another process has resumed run {run_id!r} while its pause was waited for.",
                hint="It was not changed.",
                run_id=run_id,
                state=run.account.run_state.text,
            )
        return
    waited = format_duration(wait.seconds)
    if wait.on_timeout == "resume":
        session.notify(f"The pause of run {run_id} did not take effect within {waited}. It is resumed once it does.")
        run = look()
        if not _is_pausing(run):
            resumes = run.account.run_state == RunState.PAUSED
            if resumes:
                session.deadline.restart()
                set_paused(session, run_id=run_id, paused=False, treasurer_index=treasurer_index)
            raise _not_reached(
                run,
                f"The pause of run {run_id!r} did not take effect within {waited}: "
                + ("it was resumed without the change." if resumes else f"it is {run.account.run_state.text}."),
                "Use a longer --wait.",
            )
        waited = format_duration(2 * wait.seconds)
    raise _not_reached(
        run,
        f"The pause of run {run_id!r} did not take effect within {waited}: it is {run.account.run_state.text}.",
        "It pauses at the end of the epoch.",
    )


class _Reports:
    """Reports the state of a wait in intervals."""

    def __init__(self, session: SigningSession, wait: PauseWait) -> None:
        self._clock = session.clock
        self._wait = wait
        self._began = self._clock.monotonic()
        self._next = self._began

    def add(self, run: Run) -> None:
        """Report the run as it was read last, unless the last report is recent."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + _REPORTED_EVERY
            account, seconds = run.account, int(now - self._began)
            self._wait.report(PauseProgress(account.run_state.text, account.step, seconds, self._wait.seconds))


def _look(session: SigningSession, run_id: str, find: Callable[[], Run], seconds: int, reports: _Reports) -> Run:
    """Read the run until it is no longer about to pause or the time is over; returns it as it was read last."""
    limit = Deadline(session.clock, seconds)
    run: Run | None = None
    with session.rpc.waits.showing(f"Waiting until run {run_id} is Paused") as shown:
        while True:
            session.deadline.restart()
            try:
                run = find() if run is None else find_run_again(session, run)
                if not _is_pausing(run) or limit.passed:
                    return run
                reports.add(run)
                now = f"{run.account.run_state.text}, step {run.account.step}"
            except NetworkError as error:
                session.deadline.restart()
                if limit.passed or session.deadline.passed:
                    raise
                now = error.message.rstrip(".")
            shown.now(f"{now}, {rough_duration(math.ceil(limit.remaining))} left")
            session.rpc.waits.sleep(session.clock, min(_EVERY, limit.remaining))


def _is_pausing(run: Run) -> bool:
    return run.account.pending_pause and not run.account.run_state.is_halted


def _not_reached(run: Run, message: str, hint: str) -> NotReached:
    account = run.account
    return NotReached(
        message, hint=hint, run_id=run.run_id, state=account.run_state.text, step=account.step, epoch=account.epoch
    )
