"""Pause a run, or start it."""

from __future__ import annotations

from shlex import quote

from psyche_cli.errors import WrongRunState
from psyche_cli.operations.administration import Change, instructions_for
from psyche_cli.operations.receipts import look_after, record
from psyche_cli.operations.runs import find_run
from psyche_cli.protocol.coordinator_account import CoordinatorAccount
from psyche_cli.protocol.run_states import RunState
from psyche_cli.results import OperationResult
from psyche_cli.run_config.problems import configuration_error
from psyche_cli.run_config.rules import check_run, is_unset
from psyche_cli.session import SigningSession


def set_paused(
    session: SigningSession, *, run_id: str, paused: bool, treasurer_index: int | None = None
) -> OperationResult:
    """Pause or resume a run, through its treasurer if it has one.

    Raises NotAuthority, WrongRunState or ConfigurationError where the program would refuse, before anything is sent.
    """
    run = find_run(session, run_id, treasurer_index)
    run.require_authority(session.wallet.address)
    check = check_pause if paused else check_resume
    check(run.run_id, run.account)
    label = "pause" if paused else "resume"
    instructions = instructions_for(Change(paused=paused), run, session.wallet.address, session.instructions)
    receipt = session.sender.send(instructions, session.wallet, label=label)
    seen = look_after(lambda: find_run(session, run_id, treasurer_index).account)
    state = seen.run_state.text if seen else "not known: the endpoint no longer answers"
    return OperationResult(
        summary=_summary(run_id, paused, seen),
        data={
            "run_id": run_id,
            "paused": paused,
            "state_before": run.account.run_state.text,
            "state": seen.run_state.text if seen else None,
            "pending_pause": seen.pending_pause if seen else None,
            "treasurer": run.treasury is not None,
        },
        details=(
            ("state before", run.account.run_state.text),
            ("state now", state + (" (pause pending)" if seen and seen.pending_pause else "")),
        ),
        transactions=(record(label, receipt),),
        next_steps=(f"psyche-cli json-dump-run --run-id {quote(run_id)}",),
    )


def check_pause(run_id: str, account: CoordinatorAccount) -> None:
    """Raises WrongRunState where pausing is refused: a halted run is not running."""
    state = account.run_state
    if state.is_halted:
        raise WrongRunState(
            f"Run {run_id!r} cannot be paused: it is {state.text}, so it is not running.",
            hint="Start it with: psyche-cli set-paused --resume." if state != RunState.FINISHED else "",
            state=state.text,
        )


def check_resume(run_id: str, account: CoordinatorAccount) -> None:
    """Raises where starting is refused.

    WrongRunState: the run is not halted, has finished, was never configured, or has no steps left. ConfigurationError:
    its configuration breaks rules, which are named.
    """
    state = account.run_state
    if state == RunState.FINISHED or not state.is_halted:
        advice = "A pause that is pending cannot be taken back: wait until the run is Paused."
        raise WrongRunState(
            f"Run {run_id!r} cannot be resumed: it is {state.text}, not Paused.",
            hint=advice if account.pending_pause else "",
            state=state.text,
        )
    if is_unset(account.config):
        raise WrongRunState(
            f"Run {run_id!r} cannot be resumed: it has no configuration yet.",
            hint=f"Give it one: psyche-cli update-config --run-id {quote(run_id)} --config-path FILE.",
            state=state.text,
        )
    problems = check_run(account.config, account.model)
    if problems:
        raise configuration_error(
            problems,
            subject=f"Run {run_id!r} cannot be resumed: its configuration",
            hint=f"Mend the file and send it: psyche-cli update-config --run-id {quote(run_id)} --config-path FILE.",
        )
    # The first start sets the step to 1, and a run ends when its step reaches total_steps.
    step, total = account.step if state == RunState.PAUSED else 1, account.config["total_steps"]
    if step >= total:
        raise WrongRunState(
            f"Run {run_id!r} cannot be resumed: it has no steps left (step {step}, total_steps {total}).",
            hint="Raise total_steps in the configuration.",
            state=state.text,
        )


def _summary(run_id: str, paused: bool, seen: CoordinatorAccount | None) -> str:
    if not paused:
        return f"Resumed run {run_id}" + (f": it is {seen.run_state.text} now." if seen else ".")
    if seen and seen.pending_pause:
        return f"Run {run_id} will pause when this epoch ends; it pays no rewards for this epoch."
    return f"Paused run {run_id}." if seen else f"Asked run {run_id} to pause."
