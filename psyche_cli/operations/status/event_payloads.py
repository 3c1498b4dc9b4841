"""The events of a run: what a change between two observations is reported as, and JSON payloads.

An amount is in base units of the collateral and in whole tokens, or in points for a run without a treasurer. A list or
number that was not observed is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from psyche_cli.operations.config.payloads import ChangedValue
from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.runs.payloads import ClientStateText, StateText
from psyche_cli.operations.status.show_payloads import ShowData
from psyche_cli.payload_types import Address, JsonShape, Unsigned
from psyche_cli.run_config.json_shape import json_shape
from psyche_cli.run_config.schema import CHECKPOINT

CheckpointValue: TypeAlias = Annotated[object, JsonShape(json_shape(CHECKPOINT))]


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """What all events have. ``event`` is the name of the event, which does not change once released."""

    event: str
    run_id: str
    slot: Annotated[Unsigned, "The slot at which the change was observed."]
    time: Annotated[int, "The cluster's time at that slot, in Unix seconds."]
    nonce: Annotated[Unsigned, "The run's number of instructions at that slot."]


@dataclass(frozen=True, kw_only=True)
class Transition(RunEvent):
    """The run is in another state, or again in the same one."""

    event: Literal["transition"] = "transition"
    before: StateText
    after: StateText
    since: Annotated[int, "When the run entered its state, in Unix seconds."]
    direct: Annotated[bool, "False if the run has been in other states in between that were not observed."]


@dataclass(frozen=True, kw_only=True)
class Step(RunEvent):
    """The run reached a step."""

    event: Literal["step"] = "step"
    step: Unsigned


@dataclass(frozen=True, kw_only=True)
class RoundBegan(RunEvent):
    """A training round began."""

    event: Literal["round"] = "round"
    epoch: Unsigned
    round: Annotated[Unsigned, "Number of the round in its epoch, from 0."]
    data_index: Annotated[Unsigned | None, "The first sequence of the round; null if the round is no longer stored."]
    clients: Annotated[Unsigned | None, "Clients at the start of the round; null if it is no longer stored."]


@dataclass(frozen=True, kw_only=True)
class EpochBegan(RunEvent):
    """An epoch began with its warmup."""

    event: Literal["epoch_began"] = "epoch_began"
    epoch: Annotated[Unsigned, "Number of the epoch, from 0."]
    members: Annotated[list[Address] | None, "The wallets that take part; null if the epoch was not observed."]


@dataclass(frozen=True, kw_only=True)
class EpochLastStep(RunEvent):
    """The time of the epoch is up, which determines its last step."""

    event: Literal["epoch_last_step"] = "epoch_last_step"
    epoch: Unsigned
    last_step: Annotated[Unsigned, "The epoch ends when the run reaches this step."]


@dataclass(frozen=True, kw_only=True)
class EpochEnded(RunEvent):
    """An epoch ended."""

    event: Literal["epoch_ended"] = "epoch_ended"
    epoch: Unsigned
    completed: Annotated[bool, "False if the owner paused the run during the warmup: the epoch's number is used again."]
    finished: Annotated[list[Address] | None, "The wallets that were in it to the end; null if not observed."]
    left: Annotated[list[Address] | None, "All other wallets of the epoch; null if not observed."]


@dataclass(frozen=True, kw_only=True)
class Joined(RunEvent):
    """A wallet joined the run, or joined again."""

    event: Literal["joined"] = "joined"
    wallet: Address
    first: Annotated[bool, "Whether it had never joined before."]
    takes_part: Annotated[bool, "Whether it takes part in the next epoch."]


@dataclass(frozen=True, kw_only=True)
class Dropped(RunEvent):
    """A client of the epoch is no longer healthy."""

    event: Literal["dropped"] = "dropped"
    wallet: Address
    kind: ClientStateText
    round: Annotated[Unsigned, "Number of the round in the epoch, from 0."]


@dataclass(frozen=True, kw_only=True)
class Exited(RunEvent):
    """A client is no longer in the epoch."""

    event: Literal["exited"] = "exited"
    wallet: Address
    kind: ClientStateText
    round: Annotated[Unsigned, "Number of the round after which it left, from 0."]


@dataclass(frozen=True, kw_only=True)
class Rewarded(RunEvent):
    """A wallet earned its share of an epoch."""

    event: Literal["rewarded"] = "rewarded"
    wallet: Address
    amount: CollateralAmount
    total: Annotated[CollateralAmount, "What the wallet has earned in total."]


@dataclass(frozen=True, kw_only=True)
class Slashed(RunEvent):
    """A wallet lost an amount for an epoch from which it was ejected."""

    event: Literal["slashed"] = "slashed"
    wallet: Address
    amount: CollateralAmount
    total: Annotated[CollateralAmount, "What the wallet has lost in total."]


@dataclass(frozen=True, kw_only=True)
class Funded(RunEvent):
    """Collateral was transferred to the vault."""

    event: Literal["funded"] = "funded"
    amount: CollateralAmount
    vault_balance: CollateralAmount


@dataclass(frozen=True, kw_only=True)
class Withdrawn(RunEvent):
    """Collateral left the vault other than by claims, such as by an authority of the token."""

    event: Literal["withdrawn"] = "withdrawn"
    amount: CollateralAmount
    vault_balance: CollateralAmount


@dataclass(frozen=True, kw_only=True)
class Claimed(RunEvent):
    """Members claimed rewards, which the vault paid."""

    event: Literal["claimed"] = "claimed"
    amount: CollateralAmount
    points: Annotated[Unsigned, "The earned points that were claimed."]
    total: Annotated[CollateralAmount, "What all members have claimed in total."]
    total_points: Annotated[Unsigned, "The earned points that were claimed in total."]
    vault_balance: CollateralAmount


@dataclass(frozen=True, kw_only=True)
class ConfigurationChanged(RunEvent):
    """The owner changed the configuration."""

    event: Literal["configuration"] = "configuration"
    changes: list[ChangedValue]


@dataclass(frozen=True, kw_only=True)
class MetadataChanged(RunEvent):
    """The owner changed the metadata."""

    event: Literal["metadata"] = "metadata"
    changes: list[ChangedValue]


@dataclass(frozen=True, kw_only=True)
class ClientVersionChanged(RunEvent):
    """The owner changed the version of the training client that the run requires."""

    event: Literal["client_version"] = "client_version"
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class CheckpointChanged(RunEvent):
    """The place from which clients load the model changed."""

    event: Literal["checkpoint"] = "checkpoint"
    before: CheckpointValue
    after: CheckpointValue


@dataclass(frozen=True, kw_only=True)
class RatesChanged(RunEvent):
    """The rates changed: those of future epochs, or those of the current one, which adopts the former."""

    event: Literal["rates"] = "rates"
    epochs: Literal["current", "future"]
    earning_before: CollateralAmount
    earning: Annotated[CollateralAmount, "Reward per epoch, shared by all members that finish it."]
    slashing_before: CollateralAmount
    slashing: Annotated[CollateralAmount, "Amount an ejected member loses per epoch."]


@dataclass(frozen=True)
class Progress:
    """The progress of a run."""

    epoch: Unsigned
    step: Unsigned
    epoch_start_data_index: Annotated[Unsigned, "The first sequence of the epoch."]


@dataclass(frozen=True, kw_only=True)
class ProgressSet(RunEvent):
    """The progress changed other than by training: the owner set it, or the run was started with step 1."""

    event: Literal["progress_set"] = "progress_set"
    before: Progress
    after: Progress


@dataclass(frozen=True, kw_only=True)
class PauseRequested(RunEvent):
    """The owner requested a pause, which begins at the end of the epoch."""

    event: Literal["pause_requested"] = "pause_requested"


@dataclass(frozen=True, kw_only=True)
class PauseBegan(RunEvent):
    """The requested pause began."""

    event: Literal["pause_began"] = "pause_began"


@dataclass(frozen=True, kw_only=True)
class WarmupReports(RunEvent):
    """More clients reported the end of their warmup."""

    event: Literal["warmup_reports"] = "warmup_reports"
    epoch: Unsigned
    reported: Unsigned
    expected: Annotated[Unsigned, "The number of reports that ends the warmup."]


@dataclass(frozen=True, kw_only=True)
class Witnesses(RunEvent):
    """More witnesses sent their proof of a round."""

    event: Literal["witnesses"] = "witnesses"
    epoch: Unsigned
    round: Annotated[Unsigned, "Number of the round in its epoch, from 0."]
    witnesses: Annotated[Unsigned, "Witnesses of the round so far."]
    expected: Annotated[Unsigned, "The number of witnesses that ends the training of the round."]
    quorum: Annotated[Unsigned, "The number of witnesses with which the epoch continues."]


@dataclass(frozen=True, kw_only=True)
class Closed(RunEvent):
    """The run was closed: its accounts no longer exist."""

    event: Literal["closed"] = "closed"


@dataclass(frozen=True, kw_only=True)
class CreatedAgain(RunEvent):
    """Another run was created with the id of one that was closed."""

    event: Literal["created_again"] = "created_again"
    coordinator_account: Address


@dataclass(frozen=True, kw_only=True)
class Observed(RunEvent):
    """The status of the run, to which all following events refer. The first event."""

    event: Literal["observed"] = "observed"
    run: Annotated[ShowData, "As in the output of `psyche-cli show`, without the latest transactions."]


AnyEvent: TypeAlias = (
    Transition
    | Step
    | RoundBegan
    | EpochBegan
    | EpochLastStep
    | EpochEnded
    | Joined
    | Dropped
    | Exited
    | Rewarded
    | Slashed
    | Funded
    | Withdrawn
    | Claimed
    | ConfigurationChanged
    | MetadataChanged
    | ClientVersionChanged
    | CheckpointChanged
    | RatesChanged
    | ProgressSet
    | PauseRequested
    | PauseBegan
    | WarmupReports
    | Witnesses
    | Closed
    | CreatedAgain
    | Observed
)
"""Any event."""
