"""JSON payload of ``members``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.runs.payloads import ClientStateText
from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class MemberCounts:
    """Numbers of members. Those by health count the members of the latest epoch, including those that left it."""

    all: Annotated[Unsigned, "Wallets that ever joined the run; at most 256."]
    joined: Annotated[Unsigned, "Members that take part in the next epoch that begins."]
    must_join_again: Annotated[
        Unsigned, "Members that do not take part in it unless they join again; 0 if no epoch begins anymore."
    ]
    in_epoch: Annotated[Unsigned, "Clients of the epoch in progress."]
    pending: Annotated[Unsigned, "Members that wait for an epoch to begin and are not in another one."]
    late: Annotated[Unsigned, "Members that joined the epoch in progress too late."]
    healthy: Unsigned
    dropped: Unsigned
    withdrawn: Unsigned
    ejected: Unsigned


@dataclass(frozen=True)
class MemberData:
    """A wallet that joined the run at some time. Each earned point is worth one base unit of the collateral."""

    wallet: Address
    joined_epoch: Annotated[
        Unsigned | None,
        "The latest epoch that it takes part in: the next one if it has joined that, or the one in progress; null if "
        "neither.",
    ]
    must_join_again: Annotated[bool, "Whether it does not take part in the next epoch unless it joins again."]
    joined_too_late: Annotated[bool, "Whether it joined the epoch in progress too late, which has no effect."]
    in_epoch: Annotated[bool, "Whether it is a client of the epoch in progress."]
    health: Annotated[ClientStateText | None, "In the latest epoch; null if it was not in it."]
    left_in_round: Annotated[
        Unsigned | None, "The round of that epoch, from 0, at whose end it left; null if it did not."
    ]
    rounds_witnessed: Annotated[Unsigned, "The number of stored rounds for which it sent a witness record."]
    earned: CollateralAmount
    slashed: Annotated[CollateralAmount, "Points lost; the treasurer does not subtract them from what was earned."]
    claimed: Annotated[CollateralAmount | None, "null without a treasurer."]
    claimable: Annotated[CollateralAmount | None, "Earned but not yet claimed; null without a treasurer."]


@dataclass(frozen=True)
class MemberListData:
    """The members of a run."""

    run_id: str
    state: Annotated[str, "The state of the run."]
    epoch: Annotated[Unsigned, "The number of the epoch in progress or, between epochs, of the next one."]
    next_epoch: Annotated[Unsigned, "The number of the next epoch that begins."]
    stored_rounds: Annotated[Unsigned, "Rounds of the latest epoch, at most 4, whose witness records are stored."]
    collateral_mint: Annotated[Address | None, "The token of the rewards; null without a treasurer."]
    decimals: Annotated[Unsigned, "Decimal places of the token; 0 without a treasurer, for points."]
    counts: MemberCounts
    members: Annotated[list[MemberData], "Every wallet that ever joined; by default in the order of first joining."]
