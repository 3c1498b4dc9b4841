"""Pause a run, or start or resume it."""

from __future__ import annotations

from psyche_cli.errors import ProgramRefused, WrongRunState
from psyche_cli.operations.change import Change, effects_of, instructions_for
from psyche_cli.operations.funds import require_lamports
from psyche_cli.operations.rewards.collateral import in_both_units, obligations_of
from psyche_cli.operations.runs.find import Run, find_run_again, find_run_and_funds
from psyche_cli.operations.runs.payloads import SetPausedData
from psyche_cli.operations.sending import read_if_possible
from psyche_cli.operations.signing import SigningSession
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.run_states import RunState
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.rules import check_run, has_steps_left, is_unset


def set_paused(
    session: SigningSession, *, run_id: str, paused: bool, treasurer_index: int | None = None
) -> OperationResult[SetPausedData]:
    """Pause or resume a run. Sends nothing if the run is already in the requested state.

    Raises NotAuthority, WrongRunState, ConfigurationError or InsufficientFunds if the program or the cluster would
    refuse, before anything is sent.
    """
    run, funds = find_run_and_funds(session, run_id, treasurer_index)
    run.require_authority(session.authority)
    if is_already_so(paused, run.account):
        return _result(session, run, run, paused)
    if paused:
        check_pause(run)
    else:
        check_resume(session, run)
    label = "pause" if paused else "resume"
    change = Change(paused=paused)
    instructions = instructions_for(change, run, session.authority, session.instructions)
    require_lamports(session, funds, instructions)
    try:
        receipt = session.send(instructions, label=label, expected=effects_of(change, run, session.authority))
    except ProgramRefused as error:
        # Another process may have done it first. A transaction that was sent and paid for is still reported as failed.
        latest = None if error.sent else read_if_possible(lambda: find_run_again(session, run))
        if latest is None or not is_already_so(paused, latest.account):
            raise
        return _result(session, latest, latest, paused)
    latest = read_if_possible(lambda: find_run_again(session, run))
    return _result(session, run, latest, paused, receipt)


def is_already_so(paused: bool, account: CoordinatorAccount) -> bool:
    """Whether a run is already in the requested state.

    With ``paused``, that means paused, or about to pause at the end of the epoch; otherwise, running without a pending
    pause.
    """
    if paused:
        return account.run_state == RunState.PAUSED or account.pending_pause
    return not account.run_state.is_halted and not account.pending_pause


def check_pause(run: Run) -> None:
    """Raise WrongRunState if the run is halted, because the program would refuse to pause it."""
    state = run.account.run_state
    if state.is_halted:
        raise WrongRunState(
            f"Run {run.run_id!r} cannot be paused: it is {state.text}, not running.",
            hint="" if state == RunState.FINISHED else "Only a run that has been started can be paused.",
            state=state.text,
        )


def check_resume(session: SigningSession, run: Run) -> None:
    """Raise an error if the program would refuse to start or resume the run.

    Raises WrongRunState if the run is running, about to pause or finished, was never configured, or has no steps left,
    and ConfigurationError with all violated rules of its configuration.
    """
    account, state = run.account, run.account.run_state
    if state == RunState.FINISHED or not state.is_halted:
        advice = "A pending pause cannot be cancelled. Wait until the run is Paused."
        raise WrongRunState(
            f"Run {run.run_id!r} cannot be resumed: it is {state.text}, not Paused.",
            hint=advice if account.pending_pause else "",
            state=state.text,
        )
    configure = session.given.command("update-config", "--config-path", "run.toml", run_id=run.run_id)
    if is_unset(account.config):
        raise WrongRunState(
            f"Run {run.run_id!r} cannot be resumed: it has no configuration yet.",
            hint=f"Configure it with: {configure}",
            state=state.text,
        )
    problems = check_run(account.config, account.model)
    if problems:
        raise configuration_error(
            problems,
            subject=f"Run {run.run_id!r} cannot be resumed: its configuration",
            hint=f"Fix the file and update the configuration: {configure}",
        )
    step = run.next_step
    if not has_steps_left(step, account.config):
        raise WrongRunState(
            f"Run {run.run_id!r} cannot be resumed: it has no steps left "
            f"(step {step}, total_steps {account.config['total_steps']}).",
            hint=f"Increase total_steps and update the configuration: {configure}",
            state=state.text,
        )


def _result(
    session: SigningSession, run: Run, latest: Run | None, paused: bool, *transactions: Receipt
) -> OperationResult[SetPausedData]:
    """The result of the command; ``latest`` is the run after the transaction, or None if it could not be read."""
    account = latest.account if latest else None
    if account:
        state: str = shown_state(account.run_state, pausing=account.pending_pause)
    else:
        state = "unknown (the endpoint stopped responding)"
    obligations = None if paused else obligations_of(latest or run)
    return OperationResult(
        summary=_summary(run.run_id, paused, account, already=not transactions),
        data=SetPausedData(
            run_id=run.run_id,
            paused=paused,
            already_so=not transactions,
            state_before=run.account.run_state.text,
            state=account.run_state.text if account else None,
            pending_pause=account.pending_pause if account else None,
            treasurer=run.treasury is not None,
            missing_collateral=in_both_units(obligations.missing, obligations.decimals) if obligations else None,
            vault_cover=obligations.cover if obligations else None,
        ),
        details=(
            ("state before", shown_state(run.account.run_state)),
            ("state now", state),
            *(obligations.rows if obligations else ()),
        ),
        transactions=transactions,
        warnings=obligations.warnings if obligations else (),
        next_steps=(
            *(obligations.next_steps(session.given, run.run_id) if obligations else ()),
            session.given.command("show", run_id=run.run_id),
        ),
    )


def _summary(run_id: str, paused: bool, latest: CoordinatorAccount | None, *, already: bool) -> str:
    if not paused:
        now = f"it is now {latest.run_state.text}" if latest else ""
        return f"Run {run_id} is already running: {now}." if already else f"Resumed run {run_id}{now and ': '}{now}."
    if latest and latest.pending_pause:
        will = "is already set to pause" if already else "will pause"
        return f"Run {run_id} {will} at the end of this epoch, which pays no rewards."
    if already:
        return f"Run {run_id} is already paused."
    return f"Paused run {run_id}." if latest else f"Requested a pause of run {run_id}."
