"""The operation of each step of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from solders.pubkey import Pubkey

from psyche_cli.amounts import format_amount
from psyche_cli.operations.authorizations.create import create_join_authorization
from psyche_cli.operations.authorizations.delegate import change_delegates
from psyche_cli.operations.authorizations.revoke import deactivate_join_authorization
from psyche_cli.operations.config.update_config import ConfigChanges, update_config
from psyche_cli.operations.rewards.set_future_epoch_rates import set_future_epoch_rates
from psyche_cli.operations.rewards.treasurer_top_up_rewards import top_up_rewards
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.pause_wait import PauseWait, wait_until_paused
from psyche_cli.operations.run_files.payloads import StepData, StepKind
from psyche_cli.operations.run_files.values import first_step, wanted_model
from psyche_cli.operations.runs.create_run import RunRequest, create_run
from psyche_cli.operations.runs.set_paused import set_paused
from psyche_cli.operations.runs.set_step import set_first_step
from psyche_cli.operations.signing import SigningSession
from psyche_cli.receipts import Receipt
from psyche_cli.results import OperationResult
from psyche_cli.run_config.load import RunConfig
from psyche_cli.run_file.wanted import WantedRun


def perform(
    session: SigningSession, wanted: WantedRun, actual: ActualRun, step: StepData, wait: PauseWait
) -> tuple[Receipt, ...]:
    """Do a step that is due in a run. Returns the receipts of its transactions. Raises the errors of its operation."""
    if step.kind == "wait":
        if wanted.state != "running":
            wait = wait._replace(on_timeout="leave")  # the way back must not start a run that is to be paused
        wait_until_paused(session, wanted.run_id, _index(wanted, actual), wait)
        return ()
    return _OPERATIONS[step.kind](session, wanted, actual, step).transactions


def _index(wanted: WantedRun, actual: ActualRun) -> int | None:
    """The index of the treasurer if the file gives one."""
    if wanted.treasurer is None or (actual.run is not None and actual.run.treasury is None):
        return None
    return wanted.treasurer.index


def request_of(wanted: WantedRun) -> RunRequest:
    """The request that creates the run of a file."""
    treasurer = wanted.treasurer
    return RunRequest(
        run_id=wanted.run_id,
        client_version=wanted.client_version or "latest",
        join_authority=None if wanted.join.authority is None else str(wanted.join.authority),
        collateral_mint=None if treasurer is None else str(treasurer.mint),
        treasurer_index=None if treasurer is None else treasurer.index,
        name=wanted.metadata.get("name"),
        description=wanted.metadata.get("description"),
    )


def _create(session: SigningSession, wanted: WantedRun, _: ActualRun, __: StepData) -> OperationResult[Any]:
    return create_run(session, request_of(wanted))


def _authorize(session: SigningSession, _: WantedRun, __: ActualRun, step: StepData) -> OperationResult[Any]:
    return create_join_authorization(session, _grantee(step))


def _deauthorize(session: SigningSession, _: WantedRun, __: ActualRun, step: StepData) -> OperationResult[Any]:
    return deactivate_join_authorization(session, _grantee(step))


def _delegate(session: SigningSession, wanted: WantedRun, actual: ActualRun, step: StepData) -> OperationResult[Any]:
    [delegates] = [one.delegates for one in wanted.join.authorizations if one.grantee == _grantee(step)]
    return change_delegates(session, grantor=actual.join_authority, clear=True, added=delegates or ())


def _grantee(step: StepData) -> Pubkey:
    assert step.subject is not None
    return Pubkey.from_string(step.subject)


def _top_up(session: SigningSession, wanted: WantedRun, actual: ActualRun, step: StepData) -> OperationResult[Any]:
    amount = format_amount(step.collateral or 0, actual.decimals)
    [change] = step.changes
    assert isinstance(change.before, int)  # the balance of the vault
    return top_up_rewards(
        session,
        run_id=wanted.run_id,
        collateral_amount=amount,
        treasurer_index=_index(wanted, actual),
        vault_holds=change.before,
    )


def _set_rates(session: SigningSession, wanted: WantedRun, actual: ActualRun, _: StepData) -> OperationResult[Any]:
    return set_future_epoch_rates(
        session,
        run_id=wanted.run_id,
        earning_rate=wanted.earning_rate,
        slashing_rate=wanted.slashing_rate,
        treasurer_index=_index(wanted, actual),
    )


def _pause(session: SigningSession, wanted: WantedRun, actual: ActualRun, step: StepData) -> OperationResult[Any]:
    paused = step.kind == "pause"
    return set_paused(session, run_id=wanted.run_id, paused=paused, treasurer_index=_index(wanted, actual))


def _update(session: SigningSession, wanted: WantedRun, actual: ActualRun, _: StepData) -> OperationResult[Any]:
    model = wanted_model(wanted, actual)
    file = None
    if wanted.config is not None and model is not None:
        file = RunConfig(dict(wanted.config), dict(model), wanted.source)
    changes = ConfigChanges(
        file=file,
        metadata=wanted.metadata,
        restart_from_step=None,
        switch_to_hub=False,
        client_version=wanted.client_version,
    )
    return update_config(session, run_id=wanted.run_id, changes=changes, treasurer_index=_index(wanted, actual))


def _set_step(session: SigningSession, wanted: WantedRun, actual: ActualRun, _: StepData) -> OperationResult[Any]:
    step = first_step(wanted, actual)
    return set_first_step(session, run_id=wanted.run_id, step=step, treasurer_index=_index(wanted, actual))


_OPERATIONS: Final[
    Mapping[StepKind, Callable[[SigningSession, WantedRun, ActualRun, StepData], OperationResult[Any]]]
] = {
    "create": _create,
    "authorize": _authorize,
    "deauthorize": _deauthorize,
    "delegate": _delegate,
    "top-up": _top_up,
    "set-rates": _set_rates,
    "pause": _pause,
    "update": _update,
    "set-step": _set_step,
    "resume": _pause,
}
