"""The result of a rehearsal: its payload, its text, and its HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from psyche_cli.amounts import format_amount
from psyche_cli.errors import ExitCode
from psyche_cli.operations.rehearsal.advice import advice_on
from psyche_cli.operations.rehearsal.evidence import Evidence
from psyche_cli.operations.rehearsal.payloads import RehearsalData
from psyche_cli.operations.rehearsal.report import Findings
from psyche_cli.operations.rehearsal.request import REPORT, Request
from psyche_cli.operations.rehearsal.text import RehearsalText, details, summary
from psyche_cli.protocol.run_states import RunState
from psyche_cli.rehearsal.scheduler import End
from psyche_cli.results import OperationResult

_EXIT_CODES: Final = {
    "stuck": ExitCode.NEVER,
    "too-long": ExitCode.NOT_REACHED,
    "no-workers": ExitCode.WORKERS,
}
"""Those of rehearsals that did not reach their end."""


class Outline(NamedTuple):
    """How a rehearsal ended, the daemon's run of its workers, and how long it took on this machine."""

    end: End
    worker_run: str
    real_seconds: float
    mode: Literal["turns", "free"] = "turns"


def result_of(request: Request, evidence: Evidence, outline: Outline) -> OperationResult[RehearsalData]:
    """The result."""
    data = data_of(request, evidence, outline)
    if request.report is not None:
        from psyche_cli.new_files import write_new_file
        from psyche_cli.operations.rehearsal.page import page

        write_new_file(request.report, page(data), what=REPORT)
    return OperationResult(
        summary=summary(data),
        data=data,
        details=tuple(details(data)),
        warnings=tuple(_warnings(data, evidence)),
        body=RehearsalText(data),
        exit_code=_exit_code(request, data.end),
    )


def _exit_code(request: Request, end: str) -> ExitCode:
    if end == "paused" and request.run_id is not None:
        return ExitCode.NOT_REACHED
    return _EXIT_CODES.get(end, ExitCode.OK)


def data_of(request: Request, evidence: Evidence, outline: Outline) -> RehearsalData:
    """The payload."""
    record, findings = evidence.record, Findings(evidence, evidence.decimals or 0)
    rounds = findings.rounds
    losses = [one.loss for one in rounds if one.loss is not None]
    end = _end(request, evidence, outline.end)
    assert request.train_seconds is not None  # Request.checked sets it
    return RehearsalData(
        path=str(request.config.source) if request.run_id is None else None,
        run_id=record.state.run_id,
        worker_run=outline.worker_run,
        members=request.members,
        seed=request.seed,
        trainer=request.trainer,
        engine=request.engine,
        train_seconds=request.train_seconds,
        check_percent=request.check_percent,
        end=end,
        reason=_reason(request, end, evidence),
        state=record.state.run_state.variant,
        seconds=record.now - record.started_at,
        real_seconds=round(outline.real_seconds, 1),
        step=record.state.step,
        steps=record.state.step - record.first.step,
        epochs=len(record.epochs),
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        agreed=all(one.agreed for one in rounds),
        earning_rate=findings.amount(record.first.future_epoch_rates.earning_rate_total_shared),
        paid=findings.amount(sum(one.earned.base_units for one in findings.members)),
        claimed=findings.amount(sum(evidence.claimed.values())),
        prediction=findings.forecast(),
        member_list=findings.members,
        epoch_list=findings.epochs,
        round_list=rounds,
        lies=tuple(findings.lies()),
        faults=tuple(findings.faults()),
        advice=tuple(advice_on(request, findings, evidence, outline.end)),
        report=None if request.report is None else str(request.report),
        mode=outline.mode,
    )


def _end(request: Request, evidence: Evidence, end: End) -> str:
    if end != "reached":
        return end
    first, last = evidence.record.first, evidence.record.state
    if last.run_state == RunState.FINISHED:
        return "finished"
    epochs, steps = last.progress["epoch"] - first.progress["epoch"], last.step - first.step
    is_complete = epochs >= request.epochs if request.epochs is not None else steps >= (request.steps or 0)
    if last.run_state == RunState.PAUSED and (request.run_id is None or not is_complete):
        return "paused"
    return "epochs" if request.steps is None else "steps"


def _reason(request: Request, end: str, evidence: Evidence) -> str:
    state = evidence.record.state
    match end:
        case "finished":
            return "All steps are trained."
        case "steps":
            return "The requested number of steps is trained. The run continues without these members."
        case "paused" if request.run_id is not None:
            return "The run was paused before the requested number of epochs or steps."
        case "paused":
            return "The requested number of steps is trained, and the run is paused."
        case "epochs":
            return f"The requested number of epochs ended: {len(evidence.record.epochs)}."
        case "no-workers":
            return "All workers have ended, so that nobody continues the run."
        case "too-long":
            return "The rehearsal was cut off: it takes many times as long as predicted."
    joined = sum(client.active == state.next_active for client in state.clients)
    if state.run_state == RunState.WAITING_FOR_MEMBERS:
        needed = state.config["init_min_clients"]
        return f"The run stays in WaitingForMembers: {joined} joined, but init_min_clients is {needed}."
    return f"The run stays in {state.run_state.variant}: no member that responds has anything left to do."


def _warnings(data: RehearsalData, evidence: Evidence) -> list[str]:
    found = [] if data.agreed else ["Members had different weights after a round. This is an error of psyche-cli."]
    if evidence.decimals is not None and evidence.vault is not None:
        found += _unclaimed(data, evidence.vault, evidence.decimals)
    return found


def _unclaimed(data: RehearsalData, vault: int, decimals: int) -> Iterator[str]:
    """Why rewards were not claimed. ``vault`` is what the vault holds at the end."""
    left = {one.member: one.earned.base_units - one.claimed.base_units for one in data.member_list}
    present = {one.member for one in data.member_list if one.worker == "TERMINATED"}
    absent = [number for number, amount in left.items() if amount > 0 and number not in present]
    if absent:
        names = f"member {absent[0]}" if len(absent) == 1 else "members " + ", ".join(map(str, absent))
        amount = format_amount(sum(left[number] for number in absent), decimals)
        yield f"{amount} of the rewards were not claimed, because {names} had no worker at the end."
    needed = sum(amount for number, amount in left.items() if amount > 0 and number in present)
    if needed > 0:
        amount, held = format_amount(needed, decimals), format_amount(vault, decimals)
        why = f"the vault holds {held} and needs {amount}" if vault < needed else "their claims were refused"
        yield f"{amount} of the rewards were not claimed, because {why}."
