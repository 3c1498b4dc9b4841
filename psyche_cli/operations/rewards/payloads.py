"""What the verbs of rewards return to programs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class CollateralAmount:
    """An amount of a run's collateral token, or of points for a run without treasurer."""

    base_units: Annotated[Unsigned, "In the smallest unit of the token."]
    amount: Annotated[Decimal, "In whole tokens, exact."]


@dataclass(frozen=True)
class RatesData:
    """The reward rates of the epochs to come, now and before the command."""

    run_id: str
    already_so: Annotated[bool, "Whether the rates were as requested, so that nothing was sent."]
    unit: Annotated[Literal["collateral", "points"], "What the rates are amounts of."]
    decimals: Annotated[Unsigned, "Decimal places of the collateral token; 0 for points."]
    earning_rate_total_shared: Annotated[CollateralAmount, "What the members of an epoch share."]
    slashing_rate_per_client: Annotated[CollateralAmount, "What an ejected member loses."]
    earning_rate_total_shared_before: CollateralAmount
    slashing_rate_per_client_before: CollateralAmount
    missing_collateral: Annotated[
        CollateralAmount | None, "What the vault lacks to pay its debts and the next epoch; null without treasurer."
    ]


@dataclass(frozen=True)
class TopUpData:
    """A transfer of collateral to a run's vault."""

    run_id: str
    collateral_mint: Address
    decimals: Annotated[Unsigned, "Decimal places of the collateral token."]
    transferred: CollateralAmount
    vault: Annotated[Address, "The token account that members are paid from."]
    vault_balance: Annotated[CollateralAmount, "What the vault holds after the transfer."]
    missing_collateral: Annotated[CollateralAmount, "What the vault still lacks to pay its debts and the next epoch."]
