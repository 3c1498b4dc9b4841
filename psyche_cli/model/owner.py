"""The instructions of a run's main authority: configure, set rates, pause, resume, close.

That the signer is the main authority is an account constraint (error 2003), which is not checked here.
"""

from __future__ import annotations

from dataclasses import replace

from psyche_cli.limits import MAX_CLIENT_VERSION_BYTES
from psyche_cli.model import nonce, sanity
from psyche_cli.model.arithmetic import add
from psyche_cli.model.execution import Execution
from psyche_cli.model.instructions import SetFutureEpochRates, SetPaused, Update, UpdateClientVersion
from psyche_cli.model.machine import tick
from psyche_cli.model.outcomes import Abort, ErrorCode, Refusal
from psyche_cli.model.states import CoordinatorState, stored_text
from psyche_cli.model.transitions import pause_now, wait_for_members_or_finish
from psyche_cli.protocol.accounts.coordinator_parts import EpochRates
from psyche_cli.protocol.run_states import RunState

_NUL = "\0"
"""The program's log cuts stored text at the first NUL."""


def update(state: CoordinatorState, instruction: Update, execution: Execution) -> CoordinatorState:
    """Replace metadata, config, model and progress, each as a whole and in this order.

    A finished run accepts no update (6000), and a run that is not halted accepts only metadata (6001). Invalid progress
    is reported with the error code of an invalid model.
    """
    config, model, progress = instruction.config, instruction.model, instruction.progress
    state = nonce.count(state, execution)
    if state.run_state == RunState.FINISHED:
        raise Refusal(ErrorCode.UPDATE_CONFIG_FINISHED)
    if not state.run_state.is_halted and not (config is None and model is None and progress is None):
        raise Refusal(ErrorCode.UPDATE_CONFIG_NOT_HALTED)
    if instruction.metadata is not None:
        state = replace(state, metadata=dict(instruction.metadata))
    if config is not None:
        sanity.check_config(config)
        state = replace(state, config=dict(config))
    if model is not None:
        sanity.check_model(model, execution)
        state = replace(state, model=dict(model))
    if config is not None or model is not None:
        sanity.check_cold_start(state.config, state.model, execution)
    if progress is not None:
        sanity.check_progress(progress, ErrorCode.MODEL_SANITY_CHECK_FAILED)
        state = replace(state, progress=dict(progress))
    return state


def update_client_version(
    state: CoordinatorState, instruction: UpdateClientVersion, execution: Execution
) -> CoordinatorState:
    """Change the required client version. Only while halted (6001); the nonce stays. Aborts above 96 bytes."""
    if not state.run_state.is_halted:
        raise Refusal(ErrorCode.UPDATE_CONFIG_NOT_HALTED)
    if len(instruction.new_version.encode()) > MAX_CLIENT_VERSION_BYTES:
        raise Abort("the client version is too long")
    execution.log(f"new version: {instruction.new_version.partition(_NUL)[0]}")
    return replace(state, client_version=stored_text(instruction.new_version, MAX_CLIENT_VERSION_BYTES))


def set_future_epoch_rates(
    state: CoordinatorState, instruction: SetFutureEpochRates, execution: Execution
) -> CoordinatorState:
    """Change the rates of future epochs, in any state."""
    state = nonce.count(state, execution)
    earning, slashing = instruction.earning_rate_total_shared, instruction.slashing_rate_per_client
    before = state.future_epoch_rates
    rates = EpochRates(
        earning_rate_total_shared=before.earning_rate_total_shared if earning is None else earning,
        slashing_rate_per_client=before.slashing_rate_per_client if slashing is None else slashing,
    )
    return replace(state, future_epoch_rates=rates)


def set_paused(state: CoordinatorState, instruction: SetPaused, execution: Execution) -> CoordinatorState:
    """Pause or resume."""
    state = nonce.count(state, execution)
    paused = "true" if instruction.paused else "false"
    execution.log(f"set_paused called: paused={paused}, state={state.run_state.text}")
    return _pause(state, execution.now) if instruction.paused else _resume(state, execution)


def _pause(state: CoordinatorState, now: int) -> CoordinatorState:
    """Pause immediately before training; otherwise irrevocably at the end of the epoch. Refuses (6015) if halted."""
    if state.run_state.is_halted:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_HALTED)
    if state.run_state.is_active:
        return replace(state, pending_pause=True)
    return pause_now(state, now)


def _resume(state: CoordinatorState, execution: Execution) -> CoordinatorState:
    """Enter WaitingForMembers again; all clients have to rejoin.

    Config and model are checked first, in every state. A run without steps left would become Finished, in which the
    tick is refused (6015), so it stays Paused.
    """
    sanity.check_config(state.config)
    sanity.check_model(state.model, execution)
    sanity.check_cold_start(state.config, state.model, execution)
    if state.run_state == RunState.UNINITIALIZED:
        # Only the state and the step change, not the timestamp of the state.
        state = replace(state, run_state=RunState.PAUSED).with_progress(step=1)
    sanity.check_progress(state.progress, ErrorCode.PROGRESS_SANITY_CHECK_FAILED)
    if state.run_state != RunState.PAUSED:
        raise Refusal(ErrorCode.COORDINATOR_ERROR_CANNOT_RESUME)
    state = wait_for_members_or_finish(state, execution.now)
    state = replace(state, next_active=add(state.next_active, 1))
    return tick(state, execution)


def free_coordinator(state: CoordinatorState) -> CoordinatorState:
    """Close the run. Only while halted (6009)."""
    if not state.run_state.is_halted:
        raise Refusal(ErrorCode.CLOSE_COORDINATOR_NOT_HALTED)
    return replace(state, closed=True)
