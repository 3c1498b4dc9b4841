"""JSON payloads of ``rehearse``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.payload_types import Address, Constraint, Unsigned

_WORKER_STATES = ("INIT", "HANDSHAKE", "READY", "EXECUTING", "TERMINATED", "FAULTED", "CANCELLED")


@dataclass(frozen=True)
class RehearsedMember:
    """A member of the rehearsal."""

    member: Annotated[Unsigned, "Its number, from 1."]
    wallet: Address
    worker: Annotated[str, Constraint(choices=_WORKER_STATES), "The state of its worker at the end."]
    ended: Annotated[str, "How its worker ended, with the last line of its standard error if it failed."]
    rounds: Annotated[Unsigned, "Rounds in which it was a client of the epoch."]
    counted: Annotated[Unsigned, "Rounds in which its result counted."]
    witnessed: Annotated[Unsigned, "Rounds that it reported as a witness."]
    dropped_at_steps: Annotated[tuple[Unsigned, ...], "Steps at the end of which it was dropped from the epoch."]
    hung_at: Annotated[tuple[Unsigned, ...], "When its worker did not respond, in seconds after the start."]
    earned: CollateralAmount
    predicted: Annotated[CollateralAmount, "What the prediction credits to it."]
    claimed: CollateralAmount
    loss: Annotated[float | None, "The loss of its last result, in nats per byte."]


@dataclass(frozen=True)
class RehearsedRound:
    """A round, which trains one step."""

    step: Unsigned
    epoch: Unsigned
    after: Annotated[Unsigned, "When it began, in seconds after the start."]
    seconds: Annotated[Unsigned | None, "How long it lasted; null if it did not end."]
    sequences: Unsigned
    clients: Annotated[tuple[Unsigned, ...], "The members that were clients at its beginning."]
    witnesses: Annotated[tuple[Unsigned, ...], "The members that reported it."]
    counted: Annotated[tuple[Unsigned, ...], "The members whose results the witnesses saw and that were not left out."]
    dropped: Annotated[tuple[Unsigned, ...], "The members that were dropped at its end."]
    loss: Annotated[float | None, "Mean loss of the results by their tokens, in nats per byte; null without results."]
    weights: Annotated[str | None, "SHA-256 of the weights of all members after the round; null if unknown."]
    agreed: Annotated[bool, "Whether all members that applied the round had the same weights after it."]
    checked: Annotated[Unsigned, "Results that were checked by other members."]
    why: Annotated[str | None, "Why results are missing; null if all counted."]


@dataclass(frozen=True)
class RehearsedEpoch:
    """An epoch, beside the prediction; the predicted values are null for an epoch that was not predicted."""

    epoch: Unsigned
    rounds: Unsigned
    predicted_rounds: Unsigned | None
    seconds: Annotated[Unsigned, "From its beginning, with the wait for members, to its end."]
    predicted_seconds: Unsigned | None
    clients: Unsigned
    clients_left: Unsigned
    paid: CollateralAmount
    predicted_paid: CollateralAmount | None
    end: Annotated[str | None, "Why no further round followed, as in simulate."]
    loss: Annotated[float | None, "Loss on the part of the text that is not trained, after the epoch."]


@dataclass(frozen=True)
class Lie:
    """What a member did that others refuted."""

    member: Unsigned
    how: Annotated[tuple[str, ...], "What it published instead of its results; the faults file explains each."]
    steps: Annotated[tuple[Unsigned, ...], "The steps in which it lied and was found."]
    accused_at: Annotated[
        tuple[Unsigned, ...],
        "The steps in which it did not lie, but two others that lied alike made its result count as a lie.",
    ]
    planned: Annotated[bool, "Whether the faults file plans it."]
    rounds: Annotated[Unsigned, "Rounds in which it lied."]
    sequences: Annotated[Unsigned, "Sequences whose results were left out."]
    paid: Annotated[CollateralAmount, "Rewards of the epochs in which it lied: the program pays them all the same."]
    paid_for_lies: Annotated[
        CollateralAmount,
        "The part of them for the rounds in which it lied, if all rounds of an epoch are worth the same.",
    ]
    slashed: Annotated[CollateralAmount, "What the program slashed: nothing without a slashing rate."]
    spoiled_steps: Annotated[
        Unsigned,
        "Steps whose weights would contain a false result if nothing was checked: those from its first lie on that "
        "changes weights.",
    ]


@dataclass(frozen=True)
class FaultReport:
    """A fault that was planned."""

    kind: str
    member: Unsigned
    text: Annotated[str, "The fault as a phrase."]
    began_after: Annotated[Unsigned | None, "When it began, in seconds after the start; null if it did not."]


@dataclass(frozen=True)
class Forecast:
    """What ``simulate`` predicts for the same configuration and members, without faults."""

    end: str
    seconds: Unsigned
    steps: Unsigned
    epochs: Unsigned
    paid: CollateralAmount


@dataclass(frozen=True)
class AdviceData:
    """Advice on the configuration. ``key`` is the key that it is about, if it is about one."""

    key: str | None
    sentence: str


@dataclass(frozen=True)
class RehearsalData:
    """What happened in a rehearsal. Seconds are those of the cluster, unless the name says otherwise."""

    path: Annotated[str | None, "The configuration file; null for a run that existed."]
    run_id: str
    worker_run: Annotated[str, "The run of workers, for `psyche-cli workers show`."]
    members: Unsigned
    seed: Unsigned
    trainer: str
    engine: str
    train_seconds: Unsigned
    check_percent: float
    end: Annotated[
        str,
        Constraint(choices=("finished", "paused", "epochs", "steps", "stuck", "no-workers", "too-long")),
        "finished: all steps are trained. paused: the requested number of steps is trained, or an existing run was "
        "paused before its goal. epochs: the requested number of epochs ended. steps: the requested number of steps of "
        "an existing run is trained. stuck: nothing changes anymore. no-workers: all workers have ended. too-long: the "
        "rehearsal was cut off.",
    ]
    reason: Annotated[str, "Why the rehearsal ended, as a sentence."]
    state: Annotated[str, "The last state of the run."]
    seconds: Unsigned
    real_seconds: Annotated[float, "Duration of the rehearsal on this machine."]
    step: Unsigned
    steps: Annotated[Unsigned, "Steps trained."]
    epochs: Unsigned
    first_loss: float | None
    last_loss: float | None
    agreed: Annotated[bool, "Whether all members had the same weights after every round."]
    earning_rate: Annotated[CollateralAmount, "The rewards of an epoch, for all members together."]
    paid: Annotated[CollateralAmount, "Rewards credited to all members together."]
    claimed: CollateralAmount
    prediction: Forecast
    member_list: tuple[RehearsedMember, ...]
    epoch_list: tuple[RehearsedEpoch, ...]
    round_list: tuple[RehearsedRound, ...]
    lies: tuple[Lie, ...]
    faults: tuple[FaultReport, ...]
    advice: tuple[AdviceData, ...]
    report: Annotated[str | None, "The HTML file with the report."]
    mode: Annotated[Literal["turns", "free"], "turns: the clock was moved. free: the validator has its own clock."]
