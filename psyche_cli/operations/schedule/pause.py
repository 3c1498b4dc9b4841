"""Pause a run at a step, an epoch or a time, once."""

from __future__ import annotations

from psyche_cli.operations.funds import accounts_and_funds
from psyche_cli.operations.runs.find import Run, find_run_again_with, locate_run
from psyche_cli.operations.runs.set_paused import is_already_so, set_paused
from psyche_cli.operations.schedule.acts import Act, Acts, ActState, acts_file
from psyche_cli.operations.schedule.fees import FEW, low_on_sol
from psyche_cli.operations.schedule.looks import Look, Request, carry_out
from psyche_cli.operations.schedule.moments import Moment
from psyche_cli.operations.schedule.outcomes import act_landed, cluster_time, recorder_of, settle_acts
from psyche_cli.operations.schedule.payloads import ScheduledAct, ScheduledData
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult
from psyche_cli.solana.cluster_clock import decode_clock
from psyche_cli.solana.programs import CLOCK_SYSVAR


def schedule_pause(
    session: SigningSession, request: Request, moment: Moment, treasurer_index: int | None = None
) -> OperationResult[ScheduledData]:
    """Pause the run once it has reached the moment. Does nothing afterwards, even if the owner resumes the run.

    Raises the errors of ``set_paused`` and of ``carry_out``, and TransactionUnknown.
    """
    with acts_file(request.folder) as file:
        acts = Acts(file, str(session.sender.identify_cluster()), request.run_id, "pause")
        return carry_out(session, request, lambda: _look(session, request, moment, treasurer_index, acts))


def _look(session: SigningSession, request: Request, moment: Moment, treasurer_index: int | None, acts: Acts) -> Look:
    settled = settle_acts(session, acts)
    located = locate_run(session, request.run_id, treasurer_index)
    [*accounts, clock], funds = accounts_and_funds(session, [*located.addresses, CLOCK_SYSVAR])
    run, now = located.read(accounts), decode_clock(clock).unix_timestamp
    subject = f"{run.account.address} {moment.key}"
    if _is_done(acts.all(), subject):
        receipts = tuple(one.receipt for one in settled.done if one.receipt is not None)
        earlier = tuple(one.payload(None) for one in settled.done if one.act.subject == subject)
        return Look(run, "", earlier, receipts if earlier else (), ended=f"it was paused at {moment.text}")
    state = run.account.run_state
    if state == RunState.FINISHED:
        return Look(run, "", ended="the run is Finished")
    run.require_authority(session.authority)  # rather than when it is too late
    if settled.pending:
        return Look(run, f"the outcome of an earlier pause ({settled.pending[0].signature})")
    if not moment.has_come(run.account, now):
        return Look(run, moment.waits_for(run.account, now), warnings=low_on_sol(session, funds, (), FEW))
    reason = f"the run had reached {moment.text}"
    if not is_already_so(True, run.account):
        if state.is_halted:
            return Look(run, f"the run to be started: {moment.text} has come, but it is {state.text}")
        return _pause(session, request, run, subject, reason, treasurer_index, acts)
    acts.add_done(subject=subject, reason=reason, cluster_time=now)
    return Look(run, "", (ScheduledAct(reason, None, None),), ended="it is paused")


def _is_done(acts: list[Act], subject: str) -> bool:
    return any(act.subject == subject and act.state is ActState.DONE for act in acts)


def _pause(
    session: SigningSession,
    request: Request,
    run: Run,
    subject: str,
    reason: str,
    treasurer_index: int | None,
    acts: Acts,
) -> Look:
    now = cluster_time(session)

    def begin(signature: str) -> None:
        acts.begin(
            subject=subject,
            amount=0,
            reason=reason,
            signature=signature,
            cluster_time=now,
            is_allowed=lambda others: not _is_done(others, subject),
        )

    with recorder_of(session).because(reason, begin):
        made = set_paused(session, run_id=request.run_id, paused=True, treasurer_index=treasurer_index)
    for receipt in made.transactions:
        act_landed(session, acts, receipt)
    if not made.transactions:  # another process has paused it meanwhile
        acts.add_done(subject=subject, reason=reason, cluster_time=now)
    after, _ = find_run_again_with(session, run)
    signature = made.transactions[-1].signature if made.transactions else None
    return Look(after, "", (ScheduledAct(reason, signature, None),), made.transactions, ended="it is paused")
