"""JSON payloads of the verbs that inspect runs, except the dumps in the published client's format."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.operations.runs.payloads import StateText
from psyche_cli.payload_types import Address, Unsigned


@dataclass(frozen=True)
class Obstacle:
    """A reason why a key cannot join."""

    reason: Literal["not_authorized", "halted", "in_epoch", "full", "more_clients_than_batches"]
    message: Annotated[str, "The reason as a sentence."]


@dataclass(frozen=True)
class CanJoinData:
    """Whether a key can join a run now."""

    run_id: str
    address: Annotated[Address, "The key that was asked about."]
    can_join: Annotated[bool, "The answer, which the exit code repeats: 0 for yes, 1 for no."]
    reasons: Annotated[list[Obstacle], "Why not; empty if it can."]
    state: StateText
    join_authority: Annotated[Address, "Whose authorizations let members join."]
    authorization: Annotated[Address | None, "The authorization that lets the key join; null if there is none."]
    grantee: Annotated[Address | None, "Its grantee; the system program's address means everyone."]


@dataclass(frozen=True)
class ProgramAuthority:
    """Who may upgrade a program that the run uses."""

    name: Annotated[str, "coordinator, authorizer or treasurer."]
    address: Address
    loader: Annotated[Address, "The program that loads it."]
    upgradeable: Annotated[bool | None, "Null for a loader that is not known."]
    upgrade_authority: Annotated[Address | None, "Null if nobody may upgrade it."]
    wallet_is_upgrade_authority: Annotated[bool | None, "Null without wallet."]
    last_deploy_slot: Annotated[Unsigned | None, "Null if the loader does not record it."]
    deployed_after_creation: Annotated[bool | None, "Whether it was upgraded since the run was created, if known."]


@dataclass(frozen=True)
class Unchangeable:
    """Something that this version of the programs cannot change."""

    what: Literal["main_authority", "join_authority", "run_id", "treasurer", "collateral_mint", "close", "vault"]
    message: Annotated[str, "The same as a sentence."]


@dataclass(frozen=True)
class AuthorityData:
    """Who controls a run and its programs."""

    run_id: str
    main_authority: Annotated[Address, "The wallet that administers the run, through its treasurer if it has one."]
    join_authority: Annotated[Address, "Whose authorizations let members join."]
    treasurer: Annotated[Address | None, "The treasurer's Run account; null for a run without collateral."]
    wallet: Annotated[Address | None, "The wallet that was compared; null if there was none."]
    wallet_is_main_authority: Annotated[bool | None, "Null without wallet."]
    wallet_is_join_authority: Annotated[bool | None, "Null without wallet."]
    created_slot: Annotated[Unsigned | None, "Slot in which the run was created; null if the node does not know it."]
    programs: list[ProgramAuthority]
    unchangeable: list[Unchangeable]


@dataclass(frozen=True)
class LockedRent:
    """What an account of a run holds."""

    account: Annotated[str, "coordinator account, coordinator instance, treasurer run or vault."]
    address: Address
    lamports: Unsigned


@dataclass(frozen=True)
class SignerFees:
    """The fees that one signer paid."""

    signer: Annotated[Address, "The fee payer."]
    transactions: Unsigned
    lamports: Unsigned


@dataclass(frozen=True)
class RewardCost:
    """What members earned for training."""

    collateral_mint: Address
    earned: Annotated[CollateralAmount, "All that members earned."]
    paid: Annotated[CollateralAmount, "What they have claimed of it."]
    earned_per_million_tokens: Annotated[
        Decimal | None, "In whole collateral tokens, to 12 digits; null before anything was trained."
    ]


@dataclass(frozen=True)
class CostData:
    """What a run has cost so far."""

    run_id: str
    rent: list[LockedRent]
    rent_lamports: Annotated[Unsigned, "What all accounts of the run hold."]
    rent_recoverable: Annotated[bool, "Whether closing the run returns it; false with a treasurer."]
    fees: Annotated[list[SignerFees], "By fee payer, the greatest first."]
    fees_lamports: Annotated[Unsigned, "The fees of all counted transactions."]
    transactions: Annotated[Unsigned, "How many transactions were counted, failed ones included."]
    complete: Annotated[bool, "Whether these are all transactions that name the coordinator account."]
    epochs: Annotated[Unsigned, "Epochs that have ended."]
    fees_per_epoch_lamports: Annotated[Unsigned | None, "Average, rounded down; null before the first epoch ended."]
    trained_sequences: Annotated[Unsigned, "Sequences of the data that the run has gone through."]
    trained_tokens: Annotated[Unsigned, "The same in tokens, by the present sequence length."]
    rewards: Annotated[RewardCost | None, "Null for a run without treasurer."]


@dataclass(frozen=True)
class ListedRun:
    """A run in the list."""

    run_id: str
    coordinator_instance: Address
    coordinator_account: Address
    main_authority: Annotated[Address, "The wallet that administers the run, through its treasurer if it has one."]
    join_authority: Annotated[Address, "Whose authorizations let members join."]
    treasurer: Annotated[Address | None, "The treasurer's Run account; null for a run without collateral."]
    state: Annotated[StateText | None, "Null for an account that cannot be read; see problem."]
    name: Annotated[str | None, "Null like the state."]
    epoch: Annotated[Unsigned | None, "Null like the state."]
    step: Annotated[Unsigned | None, "Null like the state."]
    total_steps: Annotated[Unsigned | None, "Null like the state."]
    problem: Annotated[str | None, "Why the coordinator account cannot be read, such as an unsupported layout."]


@dataclass(frozen=True)
class RunListData:
    """The runs on a cluster."""

    runs: Annotated[list[ListedRun], "Those that wait for members first, then by run id."]
