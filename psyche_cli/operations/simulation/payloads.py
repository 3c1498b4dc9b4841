"""JSON payloads of ``simulate``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.model.simulation.history import EpochEnd
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.payload_types import Address, Constraint, Unsigned


@dataclass(frozen=True)
class SimulatedEpoch:
    """An epoch that ended. Seconds count from the start of the simulation; negative ones were before it."""

    epoch: Annotated[Unsigned, "Number of the epoch, from 0."]
    waiting_after: Annotated[int | None, "When the run began to wait for members, in seconds; null if not known."]
    warmup_after: int
    training_after: Annotated[int | None, "When the first round began; null if not known."]
    cooldown_after: int
    ended_after: int
    first_step: Unsigned
    rounds: Annotated[Unsigned, "Rounds, each of which trained one step."]
    clients: Annotated[Unsigned, "Members in the first round."]
    clients_left: Annotated[Unsigned, "Members after the last round."]
    tokens: Annotated[Unsigned, "Tokens trained in the epoch."]
    paid: Annotated[CollateralAmount, "Rewards credited to all members together."]
    end: Annotated[
        Annotated[str, Constraint(choices=tuple(end.value for end in EpochEnd))] | None,
        "Why no further round followed; null if that was before the simulation.",
    ]


@dataclass(frozen=True)
class SimulatedState:
    """A state that the run was in."""

    state: Annotated[str, "The state's name in the program, such as RoundTrain."]
    after: Annotated[int, "When the run entered it, in seconds from the start of the simulation."]
    seconds: Annotated[Unsigned, "How long it lasted; for the last state, until the end of the simulation."]
    epoch: Unsigned
    step: Unsigned
    clients: Annotated[Unsigned, "Clients of the epoch."]


@dataclass(frozen=True)
class SimulatedMember:
    """A member at the end of the simulation."""

    wallet: Annotated[Address | None, "Null for a member that is not in the run yet."]
    present: Annotated[bool, "Whether the member still responds."]
    joined: Annotated[bool, "Whether the member could join."]
    earned: Annotated[CollateralAmount, "Rewards of this simulation."]
    earned_in_all: Annotated[CollateralAmount, "Rewards since the member joined the run."]


@dataclass(frozen=True)
class SimulatedRewards:
    """The rewards of the simulation and the funding that they need."""

    per_epoch: Annotated[CollateralAmount, "The earning rate: the most that an epoch pays."]
    paid: Annotated[CollateralAmount, "Rewards credited in the simulation."]
    vault_amount: Annotated[CollateralAmount | None, "Balance of the run's vault; null without a treasurer."]
    already_owed: Annotated[CollateralAmount | None, "Rewards earned before and not claimed; null without a treasurer."]
    missing: Annotated[CollateralAmount, "What must be transferred to the vault until the end of the simulation."]
    first_unfunded_epoch: Annotated[
        Unsigned | None, "The first epoch whose rewards the vault does not cover; null if it covers all, or is unknown."
    ]


@dataclass(frozen=True)
class SimulationData:
    """The predicted course of a run."""

    path: Annotated[str | None, "The configuration file; null if the configuration is that of the run."]
    run_id: Annotated[str | None, "The run from whose present state the simulation started, with --from-run."]
    rules: Literal["current", "older"]
    starts_at: Annotated[Unsigned | None, "Start of the simulation in Unix seconds; null without --from-run."]
    clients: Annotated[Unsigned, "Members at the start."]
    train_seconds: Annotated[Unsigned, "The assumed time after which members report a round."]
    warmup_seconds: Annotated[Unsigned, "The assumed time after which members have loaded the model."]
    end: Annotated[
        str,
        Constraint(choices=("finished", "paused", "epochs", "stuck", "too-long")),
        "finished: all steps are trained. paused: the owner paused the run. epochs: the requested number of epochs "
        "ended. stuck: nothing changes anymore. too-long: the simulation was cut off.",
    ]
    reason: Annotated[str, "Why the simulation ended, as a sentence."]
    state: Annotated[str, "The last state, such as Finished."]
    seconds: Annotated[Unsigned, "Duration until the end."]
    step: Annotated[Unsigned, "The last step."]
    steps: Annotated[Unsigned, "Steps trained in the simulation."]
    tokens: Annotated[Unsigned, "Tokens that the run has trained by the end of its last epoch."]
    rewards: SimulatedRewards
    members: tuple[SimulatedMember, ...]
    epochs: Annotated[Unsigned, "Number of epochs that ended."]
    shown_epochs: Annotated[
        tuple[SimulatedEpoch, ...],
        "The first and the last ones, and some in which members came or stopped; at most as many as --rows says.",
    ]
    states: Annotated[Unsigned, "Number of states that the run was in, one after another."]
    shown_states: Annotated[tuple[SimulatedState, ...], "The first and the last ones; at most as many as --rows says."]
    svg: Annotated[str | None, "The SVG file that was written."]
