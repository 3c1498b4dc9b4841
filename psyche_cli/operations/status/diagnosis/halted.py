"""Rules for a run that is halted: not started, paused or finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psyche_cli.model.checkpoints import variant
from psyche_cli.operations.status.diagnosis.finding import Symptom, counted
from psyche_cli.protocol.run_states import RunState
from psyche_cli.run_config.rules import has_steps_left

if TYPE_CHECKING:
    from psyche_cli.operations.status.diagnosis.subject import Subject


def not_configured(subject: Subject) -> Symptom | None:
    """A new run without a configuration."""
    if subject.is_configured:
        return None
    return Symptom(
        "The run has no configuration. Until it has one, it cannot be started, and nobody can join it.",
        (("config", "not set"),),
        "Configure the run from a file; psyche-cli config example prints one.",
        (_update_config(subject),),
    )


def config_invalid(subject: Subject) -> Symptom | None:
    """A configuration that the program rejects when the run is started or resumed."""
    if not subject.problems:
        return None
    return Symptom(
        f"The program refuses to {_start(subject)} the run: its configuration violates "
        f"{counted(len(subject.problems), 'rule')}.",
        tuple((problem.rule, problem.message) for problem in subject.problems),
        f"Correct the configuration, then {_start(subject)} the run.",
        (_update_config(subject), subject.command("set-paused", "--resume")),
    )


def no_steps_left(subject: Subject) -> Symptom | None:
    """A run that cannot be resumed because its step has reached total_steps."""
    step = _next_step(subject)
    if not subject.is_configured or subject.problems or has_steps_left(step, subject.config):
        return None
    return Symptom(
        f"The run has no steps left, so the program refuses to {_start(subject)} it.",
        (("step", str(step)), ("total_steps", str(subject.config["total_steps"]))),
        f"Raise total_steps above {step} in the configuration, or restart from an earlier step with "
        "--restart-from-step.",
        (_update_config(subject), subject.command("set-paused", "--resume")),
    )


def not_started(subject: Subject) -> Symptom | None:
    """A configured run that can be started."""
    if not _can_resume(subject):
        return None
    joined = len(subject.state.clients)
    return Symptom(
        "The run is configured, but it has never been started.",
        (("wallets that joined", f"{joined}, which must join again after the start"),) if joined > 0 else (),
        "Start the run, then have the members join it.",
        (subject.command("set-paused", "--resume"),),
    )


def paused(subject: Subject) -> Symptom | None:
    """A paused run that can be resumed."""
    if not _can_resume(subject):
        return None
    return Symptom(
        "The run is paused until its owner resumes it. Earlier joins do not count then: all members must join again.",
        (("wallets that joined", str(len(subject.state.clients))), ("step", str(subject.state.step))),
        "Resume the run, then have the members join it again.",
        (subject.command("set-paused", "--resume"),),
    )


def finished(subject: Subject) -> Symptom | None:
    """A finished run."""
    rows = [("step", f"{subject.state.step} of {subject.config['total_steps']}")]
    rows.append(("epochs", str(subject.epoch)))
    rows.append(("checkpoint", checkpoint_text(subject)))
    obligations = subject.obligations
    if obligations is not None:
        rows.append(("unclaimed rewards", subject.tokens(obligations.owed)))
        advice = "Members can still claim their rewards. A run with a treasurer cannot be closed."
        return Symptom(_FINISHED, tuple(rows), advice, (subject.command("rewards list"),))
    return Symptom(_FINISHED, tuple(rows), "Close the run to recover its rent.", (subject.command("close-run"),))


_FINISHED = "The run has completed all its steps. It cannot be changed or resumed."


def checkpoint_text(subject: Subject) -> str:
    """The kind of the checkpoint and its repository or bucket."""
    checkpoint = subject.state.model["LLM"]["checkpoint"]
    kind = variant(checkpoint)
    if isinstance(checkpoint, str):
        return kind
    values = checkpoint[kind]
    name, part = (values.get("repo_id", values.get("bucket")), values.get("revision", values.get("prefix")))
    return f"{kind}, {name or '(empty)'}" + (f", {part}" if part else "")


def _can_resume(subject: Subject) -> bool:
    return subject.is_configured and not subject.problems and has_steps_left(_next_step(subject), subject.config)


def _next_step(subject: Subject) -> int:
    """The step at which the run resumes. Starting a run sets step 1."""
    return 1 if subject.state.run_state == RunState.UNINITIALIZED else subject.state.step


def _start(subject: Subject) -> str:
    return "start" if subject.state.run_state == RunState.UNINITIALIZED else "resume"


def _update_config(subject: Subject) -> str:
    return subject.command("update-config", "--config-path", "run.toml")
