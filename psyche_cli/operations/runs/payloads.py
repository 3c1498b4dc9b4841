"""JSON payloads of the run verbs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.rewards.payloads import CollateralAmount, VaultCover
from psyche_cli.payload_types import Address, Constraint, JsonShape, Unsigned
from psyche_cli.protocol.run_states import ClientState, RunState
from psyche_cli.run_config.json_shape import json_shape
from psyche_cli.run_config.schema import CHECKPOINT

StateText = Annotated[str, Constraint(choices=tuple(state.text for state in RunState))]
"""The state of a run, as shown to users."""

ClientStateText = Annotated[str, Constraint(choices=tuple(state.text for state in ClientState))]
"""The state of a client in its epoch, as shown to users."""


@dataclass(frozen=True)
class NewTreasurer:
    """The treasurer of a run that was created with a collateral mint."""

    index: Annotated[Unsigned, "An unsigned 64-bit integer, usually beyond the exact range of a double."]
    index_string: Annotated[str, "The index as decimal digits; always present."]
    run: Annotated[Address, "The treasurer's Run account, which is the main authority of the instance."]
    vault: Annotated[Address, "The token account that members are paid from."]
    collateral_mint: Address


@dataclass(frozen=True)
class CreateRunData:
    """A run that was created."""

    run_id: str
    coordinator_instance: Address
    coordinator_account: Address
    main_authority: Annotated[Address, "The wallet that administers the run."]
    join_authority: Annotated[Address, "The key that authorizes members to join."]
    client_version: str
    already_so: Annotated[bool, "Always false: an existing run is an error."]
    locked_lamports: Annotated[Unsigned, "Rent locked in the accounts of the run."]
    treasurer: Annotated[NewTreasurer | None, "Null for a run without a treasurer."]


@dataclass(frozen=True)
class SetPausedData:
    """A run that was paused or resumed."""

    run_id: str
    paused: Annotated[bool, "The request: true to pause, false to resume."]
    already_so: Annotated[bool, "Whether the run was already as requested, so nothing was sent."]
    state_before: StateText
    state: Annotated[StateText | None, "The state afterwards; null if the endpoint stopped responding."]
    pending_pause: Annotated[
        bool | None, "Whether the run will pause at the end of its epoch; null if the endpoint stopped responding."
    ]
    treasurer: Annotated[bool, "Whether the run has a treasurer."]
    missing_collateral: Annotated[
        CollateralAmount | None,
        "The vault's shortfall for its obligations through the next epoch; null for a pause or without a treasurer.",
    ]
    vault_cover: Annotated[VaultCover | None, "How long the vault pays; null for a pause or without a treasurer."]


@dataclass(frozen=True)
class CloseRunData:
    """A run that was closed."""

    run_id: str
    already_so: Annotated[bool, "Whether the run was already closed, so nothing was sent."]
    closing_transaction: Annotated[str, "Signature of the transaction that closed the run."]
    coordinator_instance: Address
    coordinator_account: Annotated[Address | None, "Null if the run was already closed."]
    state_before: Annotated[StateText | None, "Null if the run was already closed."]
    recovered_lamports: Annotated[Unsigned, "The balance of both accounts, without deducting the fee."]
    recovered_by: Annotated[Address | None, "The wallet that received it; null if the run was already closed."]


@dataclass(frozen=True)
class CheckpointData:
    """A checkpoint that was recorded."""

    run_id: str
    already_so: Annotated[bool, "Whether the run already had this checkpoint, so nothing was sent."]
    checkpoint_before: Annotated[object, JsonShape(json_shape(CHECKPOINT)), "The previous checkpoint."]
    checkpoint: Annotated[object, JsonShape(json_shape(CHECKPOINT)), "The new checkpoint."]
    state: Annotated[StateText | None, "The state afterwards; null if the endpoint stopped responding."]


@dataclass(frozen=True)
class TickData:
    """The outcome of ticking a run."""

    run_id: str
    already_so: Annotated[bool, "Whether no tick was due, so nothing was sent."]
    ticks: Annotated[Unsigned, "Number of ticks that were sent and landed."]
    looks: Annotated[Unsigned, "Number of times the run was checked for a due tick."]
    state_before: StateText
    state: StateText
    epoch: Unsigned
    step: Unsigned
    due_in_seconds: Annotated[
        Unsigned | None,
        "Cluster time until the next tick is due; null if the run is waiting for members or for its owner.",
    ]
