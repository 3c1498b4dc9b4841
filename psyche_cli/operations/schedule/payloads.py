"""JSON payloads of the schedule verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from psyche_cli.operations.rewards.payloads import CollateralAmount, VaultCover
from psyche_cli.payload_types import Unsigned

Outcome: TypeAlias = Literal["done", "waiting", "ended", "busy"]


@dataclass(frozen=True)
class ScheduledAct:
    """An act of a scheduled operation."""

    reason: Annotated[str, "Why it was done, as in the journal."]
    signature: Annotated[str | None, "Its transaction; null if the run was already as wanted."]
    transferred: Annotated[CollateralAmount | None, "The transfer to the vault, for a top-up."]


@dataclass(frozen=True)
class FundingData:
    """The money of a scheduled top-up, after its acts."""

    decimals: Annotated[Unsigned, "Decimal places of the collateral token."]
    vault_balance: CollateralAmount
    missing: Annotated[CollateralAmount, "What the vault lacks for its obligations and the epochs to keep."]
    transferred_in_24_hours: Annotated[
        CollateralAmount,
        "What counts for --per-day: what the vault received in the last 24 hours of the cluster's time, by any command "
        "and wallet, and transfers of this schedule whose outcome is not known.",
    ]
    left_of_day: Annotated[CollateralAmount, "What --per-day still allows now."]
    received_in_all: Annotated[CollateralAmount, "What the vault has ever received, by any command and wallet."]
    left_in_all: Annotated[CollateralAmount | None, "What --max-in-all still allows; null without this limit."]
    wallet_balance: Annotated[CollateralAmount, "The collateral in the wallet."]
    vault_cover: VaultCover


@dataclass(frozen=True)
class ScheduledData:
    """What a scheduled operation did, or what it waits for."""

    run_id: str
    already_so: Annotated[bool, "Whether nothing was sent."]
    outcome: Annotated[
        Outcome,
        "done: it has acted. waiting: its time has not come. ended: nothing is left to do. busy: another process is "
        "acting on the run.",
    ]
    waits_for: Annotated[str | None, "What it waits for; null if nothing is left to do."]
    acts: Annotated[list[ScheduledAct], "What was done, in order."]
    checks: Annotated[Unsigned, "Number of times that the run was checked."]
    state: Annotated[str | None, "The state of the run at the last check; null if it was not read."]
    epoch: Unsigned | None
    step: Unsigned | None
    funding: Annotated[FundingData | None, "For top-up; null if the run was not read."]
