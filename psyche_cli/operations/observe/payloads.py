"""The two JSON documents of the published client.

Keys and nesting are the published ones. Amounts of collateral are in whole tokens, exact; points, lamports and rates
are integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, TypedDict

from psyche_cli.operations.runs.payloads import StateText
from psyche_cli.payload_types import Address, Constraint, Unsigned
from psyche_cli.protocol.run_states import ClientState

_ClientState = Annotated[str, Constraint(choices=tuple(state.text for state in ClientState))]


class DumpedClient(TypedDict):
    """A wallet that has joined the run at some time."""

    active: Annotated[Unsigned, "The run's next_active at the time of its last joining."]
    earned: Annotated[Unsigned, "Points."]
    slashed: Annotated[Unsigned, "Points."]


class DumpedAccounting(TypedDict):
    """Sums over all clients."""

    max_active: Unsigned | None
    sum_earned: Annotated[Unsigned, "Points."]
    sum_slashed: Annotated[Unsigned, "Points."]


class DumpedEpochClients(TypedDict):
    """The states of an epoch's members, by display id."""

    alive: Mapping[str, _ClientState]
    exited: Mapping[str, _ClientState]


class DumpedRates(TypedDict):
    """Points per epoch."""

    earning: Annotated[Unsigned, "What the members of an epoch share."]
    slashing: Annotated[Unsigned, "What an ejected member loses."]


class DumpedEpochRates(TypedDict):
    """The rates of the current epoch, and of those to come."""

    current: DumpedRates
    future: DumpedRates


class DumpedEpoch(TypedDict):
    """The members and the rates of an epoch."""

    clients: DumpedEpochClients
    rates: DumpedEpochRates


class DumpedSetup(TypedDict):
    """What the owner has configured."""

    client_version: str
    config: Annotated[Mapping[str, Unsigned], "The table [config] of a run configuration."]
    metadata: Annotated[Mapping[str, object], "Name, description and sizes of the model."]
    model: Annotated[Mapping[str, object], "The table [model] of a run configuration."]


class DumpedStatus(TypedDict):
    """Where the run is."""

    epoch: Unsigned
    next_active: Unsigned
    state: StateText
    step: Unsigned


class DumpedCoordinatorAccount(TypedDict):
    """What the coordinator account holds."""

    accounting: DumpedAccounting
    address: Address
    clients: Annotated[Mapping[str, DumpedClient], "By display id."]
    epoch: DumpedEpoch
    nonce: Unsigned
    run_id: str
    setup: DumpedSetup
    status: DumpedStatus


class DumpedInstance(TypedDict):
    """The coordinator instance of the run."""

    address: Address
    join_authority: Address
    main_authority: Address


class DumpedTreasurer(TypedDict):
    """The treasurer's Run and its vault."""

    address: Address
    burn_collateral_amount_per_epoch: Decimal
    collateral_mint: Address
    estimated_funded_epochs_count: float | None
    funded_collateral_amount: Annotated[Decimal, "What the vault holds."]
    index: Unsigned
    index_string: Annotated[str, "The index in digits, whatever its size."]
    join_authority: Address
    main_authority: Address
    total_claimable_earned_points: Unsigned
    total_claimed_earned_points: Unsigned
    total_missing_collateral_amount: Decimal
    total_surplus_collateral_amount: Decimal
    total_unclaimed_earned_points: Unsigned


class RunDump(TypedDict):
    """Everything about a run."""

    coordinator_account: DumpedCoordinatorAccount
    coordinator_instance: DumpedInstance
    treasurer_run: DumpedTreasurer | None


class DumpedEpochClient(TypedDict):
    """A member of the current epoch."""

    exited_height: Unsigned
    state: _ClientState


class DumpedUserInCoordinator(TypedDict):
    """What the coordinator account holds about one wallet; null where it holds nothing."""

    client: DumpedClient | None
    epoch_alive: DumpedEpochClient | None
    epoch_exited: DumpedEpochClient | None


class DumpedParticipant(TypedDict):
    """What the treasurer holds about one wallet; the claims are null for one that never registered."""

    claimed_collateral_amount: Decimal | None
    claimed_earned_points: Unsigned | None
    collateral_amount: Annotated[Decimal, "What the wallet's associated token account holds."]
    collateral_mint: Address


class UserDump(TypedDict):
    """Everything about one wallet in a run."""

    address: Address
    coordinator_account: DumpedUserInCoordinator
    lamports: Unsigned
    treasurer_participant: Annotated[DumpedParticipant | None, "Null for a run without treasurer."]
