"""Rules about values of the configuration that the program accepts, and about the checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psyche_cli.durations import format_duration
from psyche_cli.model.checkpoints import variant
from psyche_cli.operations.status.diagnosis.finding import Symptom, counted
from psyche_cli.operations.status.diagnosis.halted import checkpoint_text
from psyche_cli.protocol.layouts.known import WRITTEN, layout_named
from psyche_cli.protocol.run_states import ClientState
from psyche_cli.run_config.advice import run_advice

if TYPE_CHECKING:
    from psyche_cli.operations.status.diagnosis.subject import Subject
    from psyche_cli.protocol.layouts.known import Layout

_SHORTEST_ROUND: Final = 3
"""Seconds that a member needs to learn of a round and to send a transaction in it, besides the time for training."""

_OWN_RULES: Final = ("VerificationPercent", "JoinLimit", "NoSteps", "CheckpointKind", "CheckpointRepository")
"""Warnings about a configuration that have a rule of their own here."""


def other_layout(subject: Subject) -> Symptom | None:
    """A layout that psyche-cli does not write."""
    return None if subject.layout == WRITTEN else layout_symptom(layout_named(subject.layout))


def layout_symptom(layout: Layout) -> Symptom:
    """What is to be said about a run whose account has another layout than the one that psyche-cli writes."""
    can = "explain the run, but not change it" if layout.has_rules_of_v1 else "read the run, but not change it"
    rules = "" if layout.has_rules_of_v1 else " Its runs follow other rules, so it is not diagnosed any further."
    return Symptom(
        f"The account of the run has layout {layout.name} ({layout.about}). psyche-cli can {can}.{rules}",
        (("layout", layout.name), ("size", f"{layout.size:,} bytes")),
        layout.advice,
    )


def verification_breaks_rounds(subject: Subject) -> Symptom | None:
    """A verification_percent above 100."""
    percent = subject.config["verification_percent"]
    if percent <= 100:
        return None
    return Symptom(
        f"verification_percent is {percent}. Above 100, the program rejects every witness (error 6020), so every epoch "
        "ends after its first round and pays no rewards.",
        (("verification_percent", str(percent)),),
        "Pause the run and set verification_percent to 0.",
        subject.config_commands(),
    )


def verifiers_cannot_be_checked(subject: Subject) -> Symptom | None:
    """A verification_percent that makes members verifiers."""
    percent = subject.config["verification_percent"]
    members = len(subject.state.epoch.clients) if subject.in_epoch else subject.config["init_min_clients"]
    verifiers = members * percent // 100
    if percent > 100 or verifiers == 0:
        return None
    return Symptom(
        f"Of {counted(members, 'member')}, {verifiers} {'is a verifier' if verifiers == 1 else 'are verifiers'} in "
        "each round. Health checks of verifiers always fail, so one that does nothing cannot be dropped then.",
        (("verification_percent", str(percent)), ("members", str(members))),
        "Set verification_percent to 0 while the run is paused.",
        subject.config_commands(),
    )


def rounds_too_short(subject: Subject) -> Symptom | None:
    """Round times in which no member can send a witness record."""
    train, witness = subject.config["max_round_train_time"], subject.config["round_witness_time"]
    if not subject.is_configured or train + witness >= _SHORTEST_ROUND:
        return None
    return Symptom(
        f"A round lasts at most {format_duration(train + witness)}. That is too short for members to train and to "
        "send their witness records.",
        (("max_round_train_time", format_duration(train)), ("round_witness_time", format_duration(witness))),
        "Raise max_round_train_time while the run is paused.",
        subject.config_commands(),
    )


def doubtful_values(subject: Subject) -> Symptom | None:
    """Values that are probably mistakes."""
    if not subject.is_configured or subject.problems:
        return None
    found = [one for one in run_advice(subject.config, subject.state.model) if one.rule not in _OWN_RULES]
    if not found:
        return None
    return Symptom(
        f"{counted(len(found), 'value')} of the configuration {'is' if len(found) == 1 else 'are'} probably "
        f"{'a mistake' if len(found) == 1 else 'mistakes'}.",
        tuple((one.rule, one.message) for one in found),
        "Correct the configuration while the run is paused.",
        subject.config_commands(),
    )


def checkpoint_empty(subject: Subject) -> Symptom | None:
    """A checkpoint without a repository, with which the program will refuse to resume the run."""
    checkpoint = subject.state.model["LLM"]["checkpoint"]
    is_reported = subject.problems and subject.state.run_state.is_halted  # by config-invalid
    if isinstance(checkpoint, str) or not subject.is_configured or is_reported:
        return None
    [(kind, values)] = checkpoint.items()
    name = values.get("repo_id", values.get("bucket"))
    if name and not str(name).startswith("\0"):
        return None
    later = " after its first epoch" if kind == "Dummy" else ""
    return Symptom(
        f"The checkpoint has no repository. If the run is paused{later}, the program refuses to resume it.",
        (("checkpoint", checkpoint_text(subject)),),
        "Set a checkpoint with a repository in the configuration while the run is paused."
        if kind == "Dummy"
        else "A member of the epoch can record a repository with psyche-cli checkpoint.",
    )


def checkpoint_not_recorded(subject: Subject) -> Symptom | None:
    """A checkpoint of a kind that uploads of members do not replace."""
    kind = variant(subject.state.model["LLM"]["checkpoint"])
    if not subject.is_configured or kind not in ("Dummy", "Ephemeral") or subject.problems:
        return None
    return Symptom(
        f"The checkpoint is of the kind {kind}: checkpoints that members save are not recorded until an epoch has "
        "ended.",
        (("checkpoint", checkpoint_text(subject)),),
        "For a run that trains a model, use a checkpoint of the kind Hub or Gcs.",
    )


def loads_from_repository(subject: Subject) -> Symptom | None:
    """An epoch that loads the model from a repository although the members of the last epoch may have a later one."""
    kind = variant(subject.state.model["LLM"]["checkpoint"])
    if kind not in ("P2P", "P2PGcs"):
        return None
    if subject.is_waiting:
        joined = [one for one in subject.membership.members if one.joined]
        if len(joined) < subject.config["init_min_clients"] or any(one.health == ClientState.HEALTHY for one in joined):
            return None
    return Symptom(
        "The next epoch loads the model from the repository, because "
        + (
            "no healthy member of the last epoch has joined it."
            if subject.is_waiting
            else "a pause withdraws all members that have the model."
        ),
        (("checkpoint", checkpoint_text(subject)),),
        "Make sure that the repository contains the latest model. A member of the last epoch can record another one "
        "with psyche-cli checkpoint.",
    )


def no_client_version(subject: Subject) -> Symptom | None:
    """A run that requires an empty client version."""
    if subject.state.client_version:
        return None
    return Symptom(
        "The run requires an empty client version, which no client has.",
        (("client_version", "(empty)"),),
        "Set the client version while the run is paused.",
        subject.config_commands("--client-version", "latest"),
    )
