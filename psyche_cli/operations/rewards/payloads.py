"""JSON payloads of the reward verbs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class CollateralAmount:
    """An amount of a run's collateral token, or of points for a run without a treasurer."""

    base_units: Annotated[Unsigned, "The amount in the token's smallest unit."]
    amount: Annotated[Decimal, "The amount in whole tokens, exact."]


@dataclass(frozen=True)
class RatesData:
    """The reward rates of future epochs, after and before the command."""

    run_id: str
    already_so: Annotated[bool, "Whether the rates were already as requested, so nothing was sent."]
    unit: Annotated[Literal["collateral", "points"], "The unit of the rates."]
    decimals: Annotated[Unsigned, "Decimal places of the collateral token; 0 for points."]
    earning_rate_total_shared: Annotated[CollateralAmount, "Reward per epoch, shared by all members that finish it."]
    slashing_rate_per_client: Annotated[CollateralAmount, "Amount an ejected member loses per epoch."]
    earning_rate_total_shared_before: CollateralAmount
    slashing_rate_per_client_before: CollateralAmount
    missing_collateral: Annotated[
        CollateralAmount | None,
        "The vault's shortfall for its obligations through the next epoch; null without a treasurer.",
    ]


@dataclass(frozen=True)
class TopUpData:
    """A transfer of collateral to a run's vault."""

    run_id: str
    collateral_mint: Address
    decimals: Annotated[Unsigned, "Decimal places of the collateral token."]
    transferred: CollateralAmount
    vault: Annotated[Address, "The token account that members are paid from."]
    vault_balance: Annotated[CollateralAmount, "The vault's balance after the transfer."]
    missing_collateral: Annotated[
        CollateralAmount, "The vault's remaining shortfall for its obligations through the next epoch."
    ]
