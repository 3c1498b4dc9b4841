"""Close a run and recover its rent."""

from __future__ import annotations

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_sol
from psyche_cli.errors import Refused, RunNotFound, WrongRunState
from psyche_cli.operations.closures import CLOSE, Closure, find_closure
from psyche_cli.operations.effects.ledger import Effects, Ledger
from psyche_cli.operations.funds import require_lamports
from psyche_cli.operations.runs.find import Run, find_run_and_funds
from psyche_cli.operations.runs.payloads import CloseRunData
from psyche_cli.operations.signing import SigningSession
from psyche_cli.operations.tones import shown_state
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.results import OperationResult


def close_run(
    session: SigningSession, *, run_id: str, treasurer_index: int | None = None
) -> OperationResult[CloseRunData]:
    """Delete both accounts of a halted run and transfer their lamports to the wallet, after confirmation.

    Sends nothing if the run is already closed. Before anything is sent, raises RunNotFound, NotAuthority,
    WrongRunState, InsufficientFunds, NotConfirmed, and Refused for a run with a treasurer, because the treasurer
    program has no instruction to close a run.
    """
    try:
        run, funds = find_run_and_funds(session, run_id, treasurer_index)
    except RunNotFound:
        closure = find_closure(session, instance_address(run_id, session.programs))
        if closure is None:
            raise
        return _already_closed(session, run_id, closure)
    check_closing(session, run)
    instance, account = run.instance, run.account
    instruction = session.instructions.free_coordinator(
        authority=session.authority,
        spill=session.authority,
        instance=instance.address,
        account=account.address,
    )
    require_lamports(session, funds, [instruction])
    recovered = instance.lamports + account.lamports
    session.confirm(
        f"Closing run {run_id} permanently deletes its configuration, progress and points. "
        f"It returns {format_sol(recovered)} SOL of rent to {session.authority}."
    )
    receipt = session.send([instruction], label=CLOSE, expected=effects_of(run, session.authority))
    return OperationResult(
        summary=f"Closed run {run_id}; recovered {format_sol(recovered)} SOL of rent.",
        data=CloseRunData(
            run_id=run_id,
            already_so=False,
            closing_transaction=receipt.signature,
            coordinator_instance=str(instance.address),
            coordinator_account=str(account.address),
            state_before=account.run_state.text,
            recovered_lamports=recovered,
            recovered_by=str(session.authority),
        ),
        details=(
            ("state before", shown_state(account.run_state)),
            ("coordinator instance", str(instance.address)),
            ("coordinator account", str(account.address)),
            ("rent recovered by", str(session.authority)),
        ),
        transactions=(receipt,),
    )


def effects_of(run: Run, recipient: Pubkey) -> Effects:
    """The effects: both accounts are deleted, and their lamports go to ``recipient``."""

    def effects(ledger: Ledger) -> None:
        ledger.close(run.instance.address, recipient)
        ledger.close(run.account.address, recipient)

    return effects


def _already_closed(session: SigningSession, run_id: str, closure: Closure) -> OperationResult[CloseRunData]:
    return OperationResult(
        summary=f"Run {run_id} is already closed.",
        data=CloseRunData(
            run_id=run_id,
            already_so=True,
            closing_transaction=closure.signature,
            coordinator_instance=str(instance_address(run_id, session.programs)),
            coordinator_account=None,
            state_before=None,
            recovered_lamports=0,
            recovered_by=None,
        ),
        details=(("closed by", closure.signature),),
    )


def check_closing(session: SigningSession, run: Run) -> None:
    """Raise Refused, NotAuthority or WrongRunState if the program would refuse to close the run."""
    if run.treasury is not None:
        raise Refused(
            f"Run {run.run_id!r} cannot be closed: it has a treasurer, and the treasurer program has no instruction to "
            "close a run.",
            hint="Its rent and what its vault holds beyond the members' rewards cannot be recovered.",
            run_id=run.run_id,
        )
    run.require_authority(session.authority)
    state = run.account.run_state
    if not state.is_halted:
        pause = session.given.command("set-paused", run_id=run.run_id)
        pending = run.account.pending_pause
        raise WrongRunState(
            f"Run {run.run_id!r} cannot be closed: it is {state.text}.",
            hint="Wait until the run is Paused." if pending else f"Pause it first: {pause}",
            state=state.text,
        )
