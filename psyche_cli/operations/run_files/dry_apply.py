"""What an apply would do: its plan, and the simulation of the transactions that the run as it is allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from psyche_cli.operations.effects.payloads import SimulatedTransaction
from psyche_cli.operations.effects.report import lines_of
from psyche_cli.operations.outlets import Diverted
from psyche_cli.operations.run_files.actual import ActualRun
from psyche_cli.operations.run_files.apply import prepare
from psyche_cli.operations.run_files.payloads import DryAppliedData, StepData
from psyche_cli.operations.run_files.text import lines_of_steps
from psyche_cli.operations.run_files.work import Applying
from psyche_cli.operations.signing import SigningSession
from psyche_cli.results import OperationResult

_OF_THE_WALLET: Final = ("authorize", "deauthorize")
"""Steps that need no other one, not even the run."""
_OF_THE_RUN: Final = ("delegate", "top-up", "set-rates", "pause")
"""Steps that only need that the run and the authorizations exist."""
_CREATING: Final = ("create", "recreate")
_BEFORE_THE_RUN: Final = (*_CREATING, "authorize")
_WITHOUT_TRANSACTIONS: Final = ("wait", "wait-old", "export")
"""Steps that a dry run does not do."""


def dry_apply(session: SigningSession, applying: Applying, *, logs: bool) -> OperationResult[DryAppliedData]:
    """Plan an apply, and simulate each step that does not depend on an earlier one. Nothing is sent.

    The session must be that of a dry run. With ``logs``, the text includes the programs' logs. Raises the errors that
    ``apply_run`` raises before it sends anything.
    """
    prepared = prepare(session, applying)
    steps = prepared.plan.steps
    simulated = [
        transaction
        for number, step in enumerate(steps)
        for transaction in _simulated(session, applying, prepared.actual, step, steps[:number])
    ]
    run_id = applying.target.run_id
    count = sum(one.simulated for one in simulated)
    what = f"the simulation of {count} of {len(simulated)} transactions succeeded"
    lines = [
        *lines_of_steps(steps, prepared.actual.decimals),
        *(line for one in simulated for line in lines_of(one, logs=logs)),
    ]
    return OperationResult(
        summary=f"Dry run: {what}. Nothing was sent." if steps else f"Dry run: run {run_id} matches its file.",
        data=DryAppliedData(run_id=run_id, dry_run=True, steps=steps, transactions=simulated),
        warnings=prepared.plan.warnings,
        body=(lambda _width, _utf8: lines) if lines else None,
        folds_body=True,
    )


def _simulated(
    session: SigningSession, applying: Applying, actual: ActualRun, step: StepData, earlier: Sequence[StepData]
) -> Iterator[SimulatedTransaction]:
    """The transactions of a step, simulated on the present state unless they depend on earlier steps."""
    if step.kind in _WITHOUT_TRANSACTIONS:
        return
    if _depends(step, earlier):
        for _ in range(step.transactions):
            yield SimulatedTransaction(
                step.title, False, False, fee_lamports=None, compute_units=None, accounts=[], logs=[]
            )
        return
    try:
        applying.target.perform(session, actual, step, applying.wait)
    except Diverted as diverted:
        result: Any = diverted.result
        yield from result.data.transactions


def _depends(step: StepData, earlier: Sequence[StepData]) -> bool:
    """Whether a step can only be simulated once an earlier one is done."""
    kinds = {one.kind for one in earlier if one.kind != "export"}
    if step.kind in _OF_THE_WALLET:
        return False
    if step.kind in _OF_THE_RUN:
        return bool(kinds.intersection(_BEFORE_THE_RUN if step.kind == "delegate" else _CREATING))
    return bool(kinds)
