"""JSON payloads of the configuration verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.errors import BrokenRule
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class CheckedFile:
    """A valid configuration file."""

    path: str
    warnings: Annotated[tuple[BrokenRule, ...], "Values that are valid but probably mistakes."]


@dataclass(frozen=True)
class CheckData:
    """Configuration files, all of which are valid."""

    files: tuple[CheckedFile, ...]


@dataclass(frozen=True)
class DumpedConfig:
    """The configuration of a run as the text of a file."""

    run_id: str
    toml: str


@dataclass(frozen=True)
class WrittenConfig:
    """The configuration of a run that was written to a file, with --output-file."""

    run_id: str
    path: str


@dataclass(frozen=True)
class DifferentValue:
    """A value that is not the same in the run and in the file."""

    key: Annotated[str, "Dotted path, such as config.epoch_time."]
    run: Annotated[object, "The on-chain value, in the format of the configuration file; null if it is unset."]
    file: Annotated[object, "The value in the file; null if it is unset."]


@dataclass(frozen=True)
class DiffData:
    """How the configuration of a run differs from a file."""

    run_id: str
    path: str
    equal: bool
    different: tuple[DifferentValue, ...]


@dataclass(frozen=True)
class EpochTimes:
    """The durations of an epoch and of its states, and its number of rounds."""

    waiting_seconds: Annotated[Unsigned, "Minimum time in Waiting for members."]
    warmup_seconds: Unsigned
    train_seconds: Annotated[Unsigned, "Duration of RoundTrain in each round."]
    witness_seconds: Annotated[Unsigned, "Duration of RoundWitness in each round."]
    cooldown_seconds: Unsigned
    rounds: Annotated[Unsigned, "Rounds in an epoch; each trains one step."]
    seconds: Annotated[Unsigned, "Total duration of an epoch."]


@dataclass(frozen=True)
class PreviewStep:
    """A step of a run."""

    step: Unsigned
    epoch: Annotated[Unsigned, "Number of the epoch, from 0."]
    starts_after_seconds: Annotated[Unsigned, "Seconds from the start of the run."]
    batch_size: Annotated[Unsigned, "In sequences."]
    tokens: Annotated[Unsigned, "Tokens in this step."]
    tokens_before: Annotated[Unsigned, "Tokens in all earlier steps."]
    learning_rate: Annotated[float, "Null where a client would divide by zero."]


@dataclass(frozen=True)
class RewardCost:
    """The maximum cost of an earning rate; it is lower if members do not finish an epoch."""

    run_id: Annotated[str | None, "The run given with --run-id."]
    collateral_mint: Annotated[Address | None, "The run's token; null if the run has no treasurer and counts points."]
    per_epoch: CollateralAmount
    per_day: Annotated[CollateralAmount, "Rounded up to the token's smallest unit."]
    whole_run: CollateralAmount
    vault_available: Annotated[
        CollateralAmount | None,
        "What the run's vault holds beyond unclaimed rewards and those of the current epoch; null without a treasurer.",
    ]
    covered_epochs: Annotated[Unsigned | None, "Epochs at this rate that vault_available pays for; null at rate 0."]
    covered_seconds: Annotated[Unsigned | None, "Their duration at this pace."]


@dataclass(frozen=True)
class PreviewData:
    """The run that a configuration produces if enough members are always present."""

    path: str
    epoch: EpochTimes
    steps: Annotated[Unsigned, "Steps that the run trains: total_steps - 1."]
    epochs: Unsigned
    seconds: Annotated[Unsigned, "Duration of the run."]
    tokens: Annotated[Unsigned, "Tokens in all steps."]
    tokens_per_step_at_start: Unsigned
    tokens_per_step_at_end: Unsigned
    final_batch_size_step: Annotated[
        Unsigned | None, "First step with the final batch size; null if there are no steps."
    ]
    shown_steps: tuple[PreviewStep, ...]
    rewards: Annotated[RewardCost | None, "Null unless --earning-rate-total-shared or --run-id was given."]
    svg: Annotated[str | None, "The SVG file that was written."]


@dataclass(frozen=True)
class ChangedValue:
    """A changed value of a run's configuration."""

    key: Annotated[str, "Dotted path, such as config.epoch_time."]
    before: Annotated[object, "The previous value, in the format of the configuration file; null if it was unset."]
    after: Annotated[object, "The new value, in the format of the configuration file; null if it is unset."]


@dataclass(frozen=True)
class UpdateConfigData:
    """A run whose configuration was updated."""

    run_id: str
    already_so: Annotated[bool, "Whether all values were already as requested, so nothing was sent."]
    changed: tuple[ChangedValue, ...]
