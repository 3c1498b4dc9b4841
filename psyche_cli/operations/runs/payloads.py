"""What the verbs of runs return to programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.payload_types import Address, Constraint, Unsigned
from psyche_cli.protocol.run_states import RunState

_State = Annotated[str, Constraint(choices=tuple(state.text for state in RunState))]


@dataclass(frozen=True)
class NewTreasurer:
    """The treasurer of a run that was created with a collateral mint."""

    index: Annotated[Unsigned, "An unsigned 64-bit number, mostly beyond what a double holds."]
    index_string: Annotated[str, "The same number in digits, whatever its size."]
    run: Annotated[Address, "The treasurer's Run account, which administers the run."]
    vault: Annotated[Address, "The token account that members are paid from."]
    collateral_mint: Address


@dataclass(frozen=True)
class CreateRunData:
    """A run that was created."""

    run_id: str
    coordinator_instance: Address
    coordinator_account: Address
    main_authority: Annotated[Address, "The wallet that administers the run."]
    join_authority: Annotated[Address, "The wallet whose authorizations let members join."]
    client_version: str
    already_so: Annotated[bool, "Always false: a run that exists is an error."]
    locked_lamports: Annotated[Unsigned, "Rent that the accounts of the run lock."]
    treasurer: Annotated[NewTreasurer | None, "Null for a run without collateral."]


@dataclass(frozen=True)
class SetPausedData:
    """A run that was paused or resumed."""

    run_id: str
    paused: Annotated[bool, "What was requested: true to pause, false to resume."]
    already_so: Annotated[bool, "Whether the run was as requested, so that nothing was sent."]
    state_before: _State
    state: Annotated[_State | None, "The state afterwards; null where the endpoint no longer answered."]
    pending_pause: Annotated[bool | None, "Whether the run pauses at the end of its epoch; null like the state."]
    treasurer: Annotated[bool, "Whether the run has a treasurer."]
    missing_collateral: Annotated[
        CollateralAmount | None,
        "What the vault lacks to pay its debts and the next epoch; null for a pause, or without treasurer.",
    ]
