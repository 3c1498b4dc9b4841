"""Tick a run that no member ticks."""

from __future__ import annotations

from typing import Final

from psyche_cli.durations import format_duration
from psyche_cli.operations.runs.find import find_run_and_funds
from psyche_cli.operations.runs.payloads import TickData
from psyche_cli.operations.runs.tick import tick
from psyche_cli.operations.schedule.fees import MANY, low_on_sol
from psyche_cli.operations.schedule.looks import Look, Request, carry_out
from psyche_cli.operations.schedule.outcomes import recorder_of
from psyche_cli.operations.schedule.payloads import ScheduledAct, ScheduledData
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.run_states import RunState
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult

MOST_TICKS: Final = 16
"""The maximum of one check, so that it ends. A run has eight states."""

_REASON: Final = "a tick was due, and no member had sent it"


def schedule_tick(
    session: SigningSession, request: Request, *, while_overdue: bool = False
) -> OperationResult[ScheduledData]:
    """Send a tick if one is due; with ``while_overdue``, further ones until none is, at most MOST_TICKS per check.

    It does so also while an apply waits for a pause, which may take a tick. Raises the errors of ``tick`` and of
    ``carry_out``.
    """
    request = request._replace(is_exclusive=False)
    return carry_out(session, request, lambda: _look(session, request, MOST_TICKS if while_overdue else 1))


def _look(session: SigningSession, request: Request, most: int) -> Look:
    receipts: list[Receipt] = []
    with recorder_of(session).because(_REASON):
        while True:
            made = tick(session, run_id=request.run_id, count=1)
            receipts += made.transactions
            session.deadline.restart()
            if not made.transactions or len(receipts) == most:
                break
    run, funds = find_run_and_funds(session, request.run_id)
    acts = tuple(ScheduledAct(_REASON, receipt.signature, None) for receipt in receipts)
    if run.account.run_state == RunState.FINISHED:
        return Look(run, "", acts, tuple(receipts), ended="the run is Finished")
    warnings = low_on_sol(session, funds, receipts, MANY)
    return Look(run, _waits_for(made.data), acts, tuple(receipts), warnings=warnings)


def _waits_for(last: TickData) -> str:
    if last.due_in_seconds is not None and last.due_in_seconds > 0:
        return f"the end of {last.state}, in {format_duration(last.due_in_seconds)} unless members act before"
    return f"a tick to become due; the run is in {last.state}"
