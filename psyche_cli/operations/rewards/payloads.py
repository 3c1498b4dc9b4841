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
class VaultCover:
    """The epochs that a vault pays for at the rate of future epochs, after what is owed and the current epoch."""

    epochs: Annotated[Unsigned | None, "Complete epochs; null at a rate of 0."]
    seconds: Annotated[
        Unsigned | None,
        "Their duration in seconds if every state takes its maximum time; null at a rate of 0 or without a "
        "configuration.",
    ]
    missing_for_ten_epochs: Annotated[CollateralAmount, "The vault's shortfall for its obligations and ten epochs."]


@dataclass(frozen=True)
class RatesData:
    """The reward rates of future epochs, before and after the command."""

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
    vault_cover: Annotated[VaultCover | None, "How long the vault pays at the new rate; null without a treasurer."]


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
    vault_cover: VaultCover


@dataclass(frozen=True)
class MemberRewards:
    """The rewards of one member. Each earned point is worth one base unit."""

    wallet: Address
    earned: CollateralAmount
    slashed: Annotated[CollateralAmount, "Points lost; the treasurer does not subtract them from what was earned."]
    claimed: CollateralAmount
    claimable: Annotated[CollateralAmount, "Earned but not yet claimed."]
    missing: Annotated[CollateralAmount, "The vault's shortfall for this member after the members above have claimed."]


@dataclass(frozen=True)
class RewardListData:
    """The rewards of all members of a run, and whether its vault can pay them."""

    run_id: str
    collateral_mint: Address
    decimals: Annotated[Unsigned, "Number of decimals of the collateral token."]
    vault: Annotated[Address, "The token account that pays members."]
    vault_balance: CollateralAmount
    claimable: Annotated[CollateralAmount, "Total that members may claim."]
    missing: Annotated[CollateralAmount, "The vault's shortfall for that total."]
    vault_cover: VaultCover
    members: Annotated[list[MemberRewards], "Every wallet that ever joined, in the order of first joining."]


@dataclass(frozen=True)
class WalletClaim:
    """The claim of one wallet."""

    wallet: Address
    outcome: Literal["claimed", "nothing to claim", "never joined"]
    claimed: Annotated[CollateralAmount, "Amount that this command claimed."]
    left: Annotated[CollateralAmount, "Amount that the vault could not pay."]
    earned: Annotated[CollateralAmount, "Amount earned in total."]
    token_account: Annotated[Address, "The wallet's associated token account, which receives the rewards."]
    signature: Annotated[str | None, "Signature of the transaction; null if there was nothing to claim."]


@dataclass(frozen=True)
class RewardClaimsData:
    """Rewards that were claimed."""

    run_id: str
    already_so: Annotated[bool, "Whether there was nothing to claim, so nothing was sent."]
    collateral_mint: Address
    decimals: Annotated[Unsigned, "Number of decimals of the collateral token."]
    claimed: Annotated[CollateralAmount, "Total that this command claimed for all wallets."]
    left: Annotated[CollateralAmount, "Amount that the vault could not pay."]
    vault_balance: Annotated[CollateralAmount, "Balance of the vault afterwards."]
    wallets: list[WalletClaim]
