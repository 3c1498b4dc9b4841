"""The coordinator program as a pure function of state, instruction, signer and clock."""

from __future__ import annotations

from psyche_cli.model import owner, participants
from psyche_cli.model.execution import Clock, Execution
from psyche_cli.model.instructions import (
    Checkpoint,
    FreeCoordinator,
    HealthCheck,
    Instruction,
    JoinRun,
    SetFutureEpochRates,
    SetPaused,
    Tick,
    Update,
    UpdateClientVersion,
    WarmupWitness,
    Witness,
)
from psyche_cli.model.outcomes import Abort, ErrorCode, Outcome, Refusal
from psyche_cli.model.states import CoordinatorState


def apply(state: CoordinatorState, instruction: Instruction, signer: bytes, clock: Clock) -> Outcome:
    """The outcome of ``instruction``, signed by the wallet ``signer`` (32 bytes), at the time of ``clock``.

    Never raises. Account constraints (the main authority, a valid authorization) are assumed to hold: the program
    checks them before it reaches the state machine.
    """
    execution = Execution(signer, clock)
    execution.log(f"Instruction: {type(instruction).__name__}")
    try:
        after = _execute(state, instruction, execution)
    except Refusal as refusal:
        return Outcome(state, tuple(execution.logs), error=refusal.code)
    except Abort as abort:
        return Outcome(state, tuple(execution.logs), abort=str(abort))
    return Outcome(after, tuple(execution.logs))


def _execute(state: CoordinatorState, instruction: Instruction, execution: Execution) -> CoordinatorState:
    if state.closed:
        raise Refusal(ErrorCode.ACCOUNT_NOT_INITIALIZED)
    match instruction:
        case Update():
            return owner.update(state, instruction, execution)
        case UpdateClientVersion():
            return owner.update_client_version(state, instruction, execution)
        case SetFutureEpochRates():
            return owner.set_future_epoch_rates(state, instruction, execution)
        case SetPaused():
            return owner.set_paused(state, instruction, execution)
        case FreeCoordinator():
            return owner.free_coordinator(state)
        case JoinRun():
            return participants.join_run(state, instruction, execution)
        case Tick():
            return participants.tick_run(state, execution)
        case Witness():
            return participants.witness(state, instruction, execution)
        case WarmupWitness():
            return participants.warmup_witness(state, instruction, execution)
        case HealthCheck():
            return participants.health_check(state, instruction, execution)
        case Checkpoint():
            return participants.checkpoint(state, instruction, execution)
