"""JSON payload of ``show``. Times are Unix seconds by the clock of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.operations.rewards.payloads import CollateralAmount, VaultCover
from psyche_cli.operations.runs.payloads import StateText
from psyche_cli.payload_types import Address, Constraint, Unsigned

Time = Annotated[int, "Unix time in seconds."]


@dataclass(frozen=True)
class StateEnd:
    """What ends the state of the run, and when."""

    waits_for: Annotated[
        Literal["owner", "members", "reports", "time", "nothing"],
        "What ends it: the owner; members who join; reports of members or, at the latest time, a tick; a tick after "
        "that time; nothing.",
    ]
    present: Annotated[Unsigned, "Members that have joined, or reports that were sent."]
    needed: Annotated[Unsigned, "Members or reports that end the state; 0 if it does not wait for any."]
    missing: Annotated[Unsigned, "The difference."]
    earliest: Annotated[
        Time | None, "Unless the owner pauses the run before the training begins; null if only the owner ends it."
    ]
    latest: Annotated[
        Time | None, "It ends with the first tick at or after this time; null if only members or the owner end it."
    ]
    seconds_left: Annotated[Unsigned | None, "Seconds to the latest time, 0 after it; null without one."]
    overdue_seconds: Annotated[Unsigned, "For how long no client has ticked although the time is over; 0 if not."]


@dataclass(frozen=True)
class EpochProgress:
    """The epoch in progress."""

    start: Time
    rounds_done: Unsigned
    fewest_rounds_left: Annotated[Unsigned, "If every round takes its longest time; includes the one in progress."]
    most_rounds_left: Annotated[Unsigned, "If every round takes its shortest time."]
    estimated_rounds_left: Annotated[Unsigned, "At the pace of the run."]
    earliest_end: Annotated[Time, "If enough members and witnesses remain."]
    latest_end: Annotated[Time, "If a client ticks."]
    estimated_end: Annotated[Time, "At the pace of the run."]


@dataclass(frozen=True)
class RunProgress:
    """How far the run is. ``last_step`` is one below the configured ``total_steps``."""

    step: Annotated[Unsigned, "The step in progress, from 1; 0 for a run that was never started."]
    last_step: Annotated[Unsigned, "The last step that is trained."]
    steps_done: Unsigned
    steps_left: Annotated[Unsigned, "Including the step in progress."]
    tokens_done: Annotated[
        Unsigned | None, "Tokens trained, according to the data index; null for a layout with other rules."
    ]
    tokens_total: Annotated[Unsigned | None, "Tokens of the whole run; null without a valid configuration."]
    seconds_per_step: Annotated[float | None, "Null without a configuration."]
    measured_steps: Annotated[
        Unsigned, "Steps of this epoch from which the pace was measured; 0 if it is the slowest that is configured."
    ]
    seconds_left: Annotated[Unsigned | None, "Time for the remaining steps at this pace; null without a configuration."]
    estimated_end: Annotated[Time | None, "Null while the run waits for its owner or for members, or will be paused."]


@dataclass(frozen=True)
class MemberNumbers:
    """Numbers of members; null where a layout with other rules does not show them."""

    all: Annotated[Unsigned, "Wallets that ever joined the run; at most 256."]
    in_epoch: Annotated[Unsigned, "Clients of the epoch in progress."]
    alive: Annotated[Unsigned, "Those of them that are healthy."]
    exited: Annotated[Unsigned, "Members of the epoch in progress that are not healthy or have left it."]
    pending: Annotated[Unsigned | None, "Members that have joined the next epoch and are not in another one."]
    joined_next: Annotated[Unsigned | None, "Members that take part in the next epoch that begins."]
    must_join_again: Annotated[Unsigned | None, "Members that do not take part in it unless they join again."]


@dataclass(frozen=True)
class RoundWitnesses:
    """The witnesses of the round in progress."""

    received: Unsigned
    expected: Annotated[Unsigned, "Witnesses that complete the round."]
    needed: Annotated[Unsigned, "The epoch ends after this round if fewer have reported by its end."]


@dataclass(frozen=True)
class Rates:
    """Rates per epoch, in the collateral token or in points."""

    unit: Literal["collateral", "points"]
    decimals: Annotated[Unsigned, "Decimal places of the collateral token; 0 for points."]
    earning_now: Annotated[CollateralAmount | None, "Shared by the members of the epoch in progress; null without one."]
    slashing_now: Annotated[CollateralAmount | None, "Lost by each ejected member; null without an epoch in progress."]
    earning_next: CollateralAmount
    slashing_next: CollateralAmount


@dataclass(frozen=True)
class TreasuryData:
    """The vault from which members are paid."""

    collateral_mint: Address
    vault: Address
    held: CollateralAmount
    owed: Annotated[CollateralAmount, "Earned by members but not yet claimed."]
    for_this_epoch: Annotated[CollateralAmount, "What the epoch in progress will pay."]
    missing: Annotated[CollateralAmount, "The shortfall through the next epoch."]
    cover: VaultCover


@dataclass(frozen=True)
class LatestTransaction:
    """A transaction that includes the coordinator account."""

    signature: str
    slot: Unsigned
    time: Annotated[Time | None, "Null if the node does not know it."]
    error: Annotated[object, "The error as reported by the node; null if it succeeded."]


@dataclass(frozen=True)
class Attention:
    """A finding of ``explain`` that its owner should know."""

    rule: Annotated[str, "The id of the rule, as in the documentation of explain."]
    severity: Annotated[str, Constraint(choices=("note", "warning", "blocking"))]
    sentence: str


@dataclass(frozen=True)
class ShowData:
    """A run at one moment: its state, what ends it, how far it is, its members and its money."""

    run_id: str
    name: Annotated[str, "The name in its metadata; may be empty."]
    coordinator_account: Address
    layout: Annotated[str, "The layout of the coordinator account, such as v1."]
    now: Annotated[Time, "The time of the cluster at which this was so."]
    slot: Unsigned
    state: StateText
    meaning: Annotated[str, "What the state means, as a sentence."]
    since: Annotated[Time | None, "When the run entered its state; null for a run that was never started."]
    pending_pause: Annotated[bool, "Whether the run will pause at the end of its epoch."]
    ends: Annotated[StateEnd | None, "Null for a layout whose rules differ from those of v1."]
    epoch: Annotated[Unsigned, "The number of the epoch in progress or, between epochs, of the next one."]
    epoch_progress: Annotated[EpochProgress | None, "Null between epochs."]
    progress: RunProgress
    members: MemberNumbers
    witnesses: Annotated[RoundWitnesses | None, "Null unless a round is in progress."]
    rates: Rates
    treasury: Annotated[TreasuryData | None, "Null for a run without a treasurer."]
    transactions: Annotated[list[LatestTransaction], "The newest ones, newest first."]
    healthy: Annotated[
        bool | None,
        "Whether nothing but notes was found. Only explain reads the join authorizations. Null for a layout with other "
        "rules.",
    ]
    attention: Annotated[list[Attention], "What was found, the most severe finding first."]
