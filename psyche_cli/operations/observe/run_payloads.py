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
    address: Annotated[Address, "The key that was checked."]
    can_join: Annotated[bool, "Also given by the exit code: 0 if true, 1 if false."]
    reasons: Annotated[list[Obstacle], "Every reason why it cannot; empty if it can."]
    state: StateText
    join_authority: Annotated[Address, "The key whose authorizations let members join."]
    authorization: Annotated[Address | None, "The authorization that lets the key join; null if there is none."]
    grantee: Annotated[
        Address | None, "The grantee of that authorization; the system program's address means everyone."
    ]


@dataclass(frozen=True)
class ProgramAuthority:
    """Who may upgrade a program that the run uses."""

    name: Annotated[str, "coordinator, authorizer or treasurer."]
    address: Address
    loader: Annotated[Address, "The loader that owns the program."]
    upgradeable: Annotated[bool | None, "Null if the loader is unknown."]
    upgrade_authority: Annotated[Address | None, "Null if the program cannot be upgraded."]
    wallet_is_upgrade_authority: Annotated[bool | None, "Null if there was no wallet."]
    last_deploy_slot: Annotated[Unsigned | None, "Null if the loader does not record it."]
    deployed_after_creation: Annotated[
        bool | None, "Whether it was redeployed after the run was created; null if unknown."
    ]


@dataclass(frozen=True)
class Unchangeable:
    """Something that this version of the programs cannot change."""

    what: Literal["main_authority", "join_authority", "run_id", "treasurer", "collateral_mint", "close", "vault"]
    message: Annotated[str, "The restriction as a sentence."]


@dataclass(frozen=True)
class AuthorityData:
    """Who controls a run and its programs."""

    run_id: str
    main_authority: Annotated[Address, "The wallet that administers the run, through its treasurer if it has one."]
    join_authority: Annotated[Address, "The key whose authorizations let members join."]
    treasurer: Annotated[Address | None, "The treasurer's Run account; null for a run without collateral."]
    wallet: Annotated[Address | None, "The wallet that was checked; null if there was none."]
    wallet_is_main_authority: Annotated[bool | None, "Null if there was no wallet."]
    wallet_is_join_authority: Annotated[bool | None, "Null if there was no wallet."]
    created_slot: Annotated[Unsigned | None, "Slot in which the run was created; null if the node does not know it."]
    programs: list[ProgramAuthority]
    unchangeable: list[Unchangeable]


@dataclass(frozen=True)
class LockedRent:
    """The rent in one account of a run."""

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
class EpochFees:
    """The fees of the transactions in one epoch."""

    epoch: Annotated[Unsigned, "Number of the epoch, from 0. Epoch 0 includes the creation of the run."]
    transactions: Unsigned
    lamports: Unsigned
    complete: Annotated[bool, "Whether these are all transactions of the epoch so far."]


@dataclass(frozen=True)
class RewardCost:
    """What the run's vault received, and what members earned for training."""

    collateral_mint: Address
    topped_up: Annotated[CollateralAmount, "Total ever transferred to the vault: its balance plus what it paid."]
    top_ups: Annotated[Unsigned, "Number of counted transactions that transferred collateral to the vault."]
    earned: Annotated[CollateralAmount, "Total earned by all members."]
    paid: Annotated[CollateralAmount, "The part of it that has been claimed."]
    earned_per_million_tokens: Annotated[
        Decimal | None, "In whole collateral tokens, to 12 significant digits; null if nothing was trained yet."
    ]
    paid_per_million_tokens: Annotated[Decimal | None, "The same for what has been claimed."]
    paid_per_trained_token: Annotated[Decimal | None, "The same for one trained token."]


@dataclass(frozen=True)
class CostData:
    """What a run has cost so far."""

    run_id: str
    rent: list[LockedRent]
    rent_lamports: Annotated[Unsigned, "Total balance of all accounts of the run."]
    rent_recoverable: Annotated[bool, "Whether closing the run recovers it; false for a run with a treasurer."]
    fees: Annotated[list[SignerFees], "One entry per fee payer, highest fees first."]
    fees_lamports: Annotated[Unsigned, "The fees of all counted transactions."]
    transactions: Annotated[Unsigned, "Number of transactions counted, including failed ones."]
    complete: Annotated[bool, "Whether these are all transactions that include the coordinator account or the vault."]
    epochs: Annotated[Unsigned, "Epochs that have ended."]
    fees_by_epoch: Annotated[
        list[EpochFees],
        "The fees of each epoch with counted transactions, oldest first; the last one is the current epoch.",
    ]
    fees_per_epoch_lamports: Annotated[
        Unsigned | None,
        "Average of the complete ended epochs in fees_by_epoch, rounded down; null if there are none.",
    ]
    trained_sequences: Annotated[Unsigned, "Sequences trained, according to the run's data index."]
    trained_tokens: Annotated[Unsigned, "The same in tokens, at the current sequence length."]
    rewards: Annotated[RewardCost | None, "Null for a run without a treasurer."]


@dataclass(frozen=True)
class ListedRun:
    """A run in the list."""

    run_id: str
    coordinator_instance: Address
    coordinator_account: Address
    main_authority: Annotated[Address, "The wallet that administers the run, through its treasurer if it has one."]
    join_authority: Annotated[Address, "The key whose authorizations let members join."]
    treasurer: Annotated[Address | None, "The treasurer's Run account; null for a run without collateral."]
    state: Annotated[StateText | None, "Null if the account cannot be read; see problem."]
    layout: Annotated[str | None, "The layout of the account, such as v1; null if state is null."]
    name: Annotated[str | None, "Null if state is null, and in layout v2-dev."]
    epoch: Annotated[Unsigned | None, "Null if state is null."]
    step: Annotated[Unsigned | None, "Null if state is null."]
    total_steps: Annotated[Unsigned | None, "Null if state is null."]
    problem: Annotated[str | None, "Why the coordinator account cannot be read, such as an unsupported layout."]


@dataclass(frozen=True)
class RunListData:
    """The runs on a cluster."""

    coordinator_program: Annotated[Address, "The program whose runs were listed."]
    runs: Annotated[list[ListedRun], "Sorted by run id, with those waiting for members first."]
