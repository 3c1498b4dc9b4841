"""Checks of a run: one, or further ones at an interval until nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import (
    ApplyRunning,
    InsufficientFunds,
    NetworkError,
    ProgramRefused,
    RpcError,
    ScheduleRunning,
    TransactionExpired,
    TransactionUnknown,
)
from psyche_cli.operations.run_files.lock import applying
from psyche_cli.operations.runs.find import Run
from psyche_cli.operations.schedule.acts import FILE_NAME
from psyche_cli.operations.schedule.lock import sole
from psyche_cli.operations.schedule.log import Log
from psyche_cli.operations.schedule.payloads import FundingData, ScheduledAct, ScheduledData
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.codes import MIN_CONTEXT_SLOT_NOT_REACHED

_PASSING: Final = (NetworkError, TransactionExpired, TransactionUnknown, ProgramRefused, InsufficientFunds)
"""Errors after which a schedule that is followed is continued, because the next check may succeed."""


class Request(NamedTuple):
    """A scheduled operation: its verb, such as top-up, its run, and the state folder.

    ``every`` is the number of seconds between checks; None for a single check. ``moment`` distinguishes operations of
    the same verb that may be followed at once. One that ``is_exclusive`` does not act while an apply or another
    exclusive one does.
    """

    verb: str
    run_id: str
    folder: Path
    every: int | None
    moment: str = ""
    is_exclusive: bool = True

    @property
    def name(self) -> str:
        """The verb and the moment, as in a command line."""
        return f"schedule {self.verb}{f' --at {self.moment}' if self.moment else ''}"


class Look(NamedTuple):
    """What a check led to.

    ``run`` is the run as it was read last, None if it was not. ``waits_for`` is a clause, empty if nothing is left to
    do. ``acts`` and ``receipts`` are what was done, or found to have been done by an interrupted attempt.
    """

    run: Run | None
    waits_for: str
    acts: tuple[ScheduledAct, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    funding: FundingData | None = None
    warnings: tuple[str, ...] = ()
    ended: str = ""
    """Why nothing is left to do, as a clause."""
    is_busy: bool = False


def carry_out(session: SigningSession, request: Request, look: Callable[[], Look]) -> OperationResult[ScheduledData]:
    """Call ``look`` once, or every ``request.every`` seconds until nothing is left to do.

    Raises ScheduleRunning if another
    process follows the same schedule, and the errors of ``look``, except for passing ones if it is called again.
    """
    with sole(request.folder, request.name, request.run_id) as is_sole:
        if is_sole:
            return _carry_out(session, request, look)
    if request.every is None:
        return _result(request, [_busy(f"another {request.name} of this run, which is running")], checks=0)
    raise ScheduleRunning(
        f"Another {request.name} of run {request.run_id!r} is running on this computer.",
        hint="Nothing was sent. Stop it first, or let it continue.",
        run_id=request.run_id,
    )


def _carry_out(session: SigningSession, request: Request, look: Callable[[], Look]) -> OperationResult[ScheduledData]:
    if request.every is None:
        return _result(request, [_locked(request, look)], checks=1)
    looks: list[Look] = []
    checks, log = 0, Log(session)
    with session.rpc.waits.showing(f"Watching run {request.run_id}") as wait:
        while True:
            checks += 1
            try:
                found = _locked(request, look)
            except _PASSING as error:
                if session.deadline.total and session.deadline.passed:
                    raise
                log.failed(error, request.every)
                found = Look(None, "the next check, because the last one failed")
            else:
                log.acted([f"{_done(request, act)}: {act.reason}." for act in found.acts])
                log.waits(found.warnings, found.waits_for)
            # Earlier checks that did nothing are not kept, because there may be any number of them.
            looks = [*(one for one in looks if one.acts), found]
            if not found.waits_for:
                return _result(request, looks, checks=checks)
            wait.now("next check in {} s", request.every)
            left = session.deadline.remaining if session.deadline.total else request.every
            session.rpc.waits.sleep(session.clock, min(request.every, left))
            session.deadline.restart()


def _locked(request: Request, look: Callable[[], Look]) -> Look:
    try:
        with applying(request.folder, request.run_id) if request.is_exclusive else nullcontext():
            return look()
    except (ApplyRunning, ScheduleRunning):
        return _busy("another process, which is changing this run")
    except RpcError as error:
        if error.rpc_code == MIN_CONTEXT_SLOT_NOT_REACHED:
            error.hint = (
                "The endpoint has not reached the slot in which an earlier transaction of this schedule landed. Try "
                "again later, or use another endpoint. After a local validator was reset or restored, delete "
                f"{request.folder / FILE_NAME}."
            )
        raise


def _busy(waits_for: str) -> Look:
    return Look(None, waits_for, is_busy=True)


def _done(request: Request, act: ScheduledAct) -> str:
    if act.transferred is not None:
        return f"Transferred {act.transferred.amount.normalize():f} to the vault of run {request.run_id}"
    what = {"pause": "Paused", "tick": "Ticked"}[request.verb]
    return f"{what} run {request.run_id}" if act.signature else f"Run {request.run_id} was already paused"


def _result(request: Request, looks: list[Look], *, checks: int) -> OperationResult[ScheduledData]:
    last = looks[-1]
    acts = [act for look in looks for act in look.acts]
    receipts = tuple(receipt for look in looks for receipt in look.receipts)
    account = None if last.run is None else last.run.account
    waiting = f"Waiting for {last.waits_for}." if last.waits_for else f"Nothing is left to do: {last.ended}."
    return OperationResult(
        summary=f"{_done(request, acts[-1])}: {acts[-1].reason}." if acts else waiting,
        data=ScheduledData(
            run_id=request.run_id,
            already_so=not receipts,
            outcome="done" if acts else "busy" if last.is_busy else "waiting" if last.waits_for else "ended",
            waits_for=last.waits_for or None,
            acts=acts,
            checks=checks,
            state=None if account is None else account.run_state.text,
            epoch=None if account is None else account.epoch,
            step=None if account is None else account.step,
            funding=last.funding,
        ),
        transactions=receipts,
        warnings=last.warnings,
    )
