"""Set the step at which a run that was never started begins."""

from __future__ import annotations

from psyche_cli.errors import WrongRunState
from psyche_cli.model.instructions import SetPaused, Update
from psyche_cli.operations.change import Change, instructions_for
from psyche_cli.operations.config.payloads import ChangedValue, UpdateConfigData
from psyche_cli.operations.config.update_config import restart_progress
from psyche_cli.operations.effects.ledger import Ledger
from psyche_cli.operations.funds import require_lamports
from psyche_cli.operations.runs.find import find_run_and_funds
from psyche_cli.operations.signing import SigningSession
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult


def set_first_step(
    session: SigningSession, *, run_id: str, step: int, treasurer_index: int | None = None
) -> OperationResult[UpdateConfigData]:
    """Leave a configured run that was never started Paused, so that resuming it starts at ``step``.

    The program sets the step of a run to 1 when it is started first. One transaction therefore starts the run, pauses
    it, which takes effect at once while it waits for members, and sets the step, so that no member sees another one.
    Raises NotAuthority, WrongRunState, InsufficientFunds.
    """
    run, funds = find_run_and_funds(session, run_id, treasurer_index)
    run.require_authority(session.authority)
    account = run.account
    if account.run_state != RunState.UNINITIALIZED:
        raise WrongRunState(
            f"The first step of run {run_id!r} cannot be set: it is {account.run_state.text}.",
            hint="The step of a paused run is set by: psyche-cli update-config --restart-from-step STEP",
            state=account.run_state.text,
        )
    progress = {**account.progress, **restart_progress(run, step, account.config, account.model)}
    instructions = [
        instruction
        for change in (Change(paused=False), Change(paused=True), Change(progress=progress))
        for instruction in instructions_for(change, run, session.authority, session.instructions)
    ]
    require_lamports(session, funds, instructions)

    def effects(ledger: Ledger) -> None:
        parts = (SetPaused(False), SetPaused(True), Update(progress=progress))
        ledger.run(account.address, *parts, signer=session.authority)

    receipt = session.send(instructions, label="set step", expected=effects)
    changed = (ChangedValue("progress.step", account.step, step),)
    return OperationResult(
        summary=f"Run {run_id} will start at step {step}.",
        data=UpdateConfigData(run_id=run_id, already_so=False, changed=changed),
        transactions=(receipt,),
    )
