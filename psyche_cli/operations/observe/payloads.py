"""Types of the documents that ``json-dump-run`` and ``json-dump-user`` print, as in the published client.

Collateral amounts are exact and in whole tokens; points, lamports and rates are integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, TypedDict

from psyche_cli.operations.observe.layout_shapes import config_shape, model_shape
from psyche_cli.operations.runs.payloads import ClientStateText, StateText
from psyche_cli.payload_types import Address, JsonShape, Unsigned


class _DumpedPoints(TypedDict):
    active: Annotated[Unsigned, "The run's next_active when the wallet last joined."]
    earned: Annotated[Unsigned, "Points earned in total."]
    slashed: Annotated[Unsigned, "Points lost in total."]


class DumpedClient(_DumpedPoints, total=False):
    """A wallet that has ever joined the run."""

    claimer: Annotated[Address, "The wallet that may claim its rewards; only in layout v2-claimer."]


class DumpedAccounting(TypedDict):
    """Totals of all clients."""

    max_active: Annotated[Unsigned | None, "The highest active value of all clients; null if there are none."]
    sum_earned: Annotated[Unsigned, "Points earned by all clients."]
    sum_slashed: Annotated[Unsigned, "Points lost by all clients."]


class DumpedEpochClients(TypedDict):
    """The states of an epoch's members, by display id."""

    alive: Mapping[str, ClientStateText]
    exited: Mapping[str, ClientStateText]


class DumpedRates(TypedDict):
    """Reward rates in points per epoch."""

    earning: Annotated[Unsigned, "Points shared by all members that finish an epoch."]
    slashing: Annotated[Unsigned, "Points that an ejected member loses."]


class DumpedEpochRates(TypedDict):
    """The rates of the current epoch and of future epochs."""

    current: DumpedRates
    future: DumpedRates


class DumpedEpoch(TypedDict):
    """The members and the rates of an epoch."""

    clients: DumpedEpochClients
    rates: DumpedEpochRates


class DumpedMetadata(TypedDict):
    """The metadata of the run."""

    name: Annotated[str, "Display name."]
    description: str
    num_parameters: Annotated[Unsigned, "Number of parameters of the model (informational)."]
    vocab_size: Annotated[Unsigned, "Vocabulary size of the model (informational)."]


class DumpedSetup(TypedDict):
    """The configuration of the run."""

    client_version: Annotated[str | None, "Null in layout v0."]
    config: Annotated[
        Mapping[str, int], JsonShape(config_shape()), "The table [config]; all values are 0 until it is set."
    ]
    metadata: Annotated[DumpedMetadata | None, "Null in layout v2-dev."]
    model: Annotated[Mapping[str, object], JsonShape(model_shape()), "The table [model]."]


class DumpedStatus(TypedDict):
    """The current state of the run."""

    epoch: Unsigned
    next_active: Unsigned
    state: StateText
    step: Unsigned


class _DumpedCoordinatorContent(TypedDict):
    accounting: DumpedAccounting
    address: Address
    clients: Annotated[Mapping[str, DumpedClient], "By display id."]
    epoch: DumpedEpoch
    nonce: Unsigned
    run_id: str
    setup: DumpedSetup
    status: DumpedStatus


class DumpedCoordinatorAccount(_DumpedCoordinatorContent, total=False):
    """The content of the coordinator account."""

    layout: Annotated[str, "The layout of the account; absent for v1, which is the usual one."]


class DumpedInstance(TypedDict):
    """The coordinator instance of the run."""

    address: Address
    join_authority: Address
    main_authority: Address


class DumpedTreasurer(TypedDict):
    """The treasurer's Run account and its vault."""

    address: Address
    burn_collateral_amount_per_epoch: Decimal
    collateral_mint: Address
    estimated_funded_epochs_count: float | None
    funded_collateral_amount: Annotated[Decimal, "Balance of the vault."]
    index: Unsigned
    index_string: Annotated[str, "The index as decimal digits; always present."]
    join_authority: Annotated[Address | None, "Null in layout v2-claimer."]
    main_authority: Address
    total_claimable_earned_points: Unsigned
    total_claimed_earned_points: Unsigned
    total_missing_collateral_amount: Decimal
    total_surplus_collateral_amount: Decimal
    total_unclaimed_earned_points: Unsigned


class RunDump(TypedDict):
    """The full state of a run."""

    coordinator_account: DumpedCoordinatorAccount
    coordinator_instance: DumpedInstance
    treasurer_run: DumpedTreasurer | None


class DumpedEpochClient(TypedDict):
    """A member of the current epoch."""

    exited_height: Unsigned
    state: ClientStateText


class _DumpedUserEntries(TypedDict):
    client: DumpedClient | None
    epoch_alive: DumpedEpochClient | None
    epoch_exited: DumpedEpochClient | None


class DumpedUserInCoordinator(_DumpedUserEntries, total=False):
    """The entries for one wallet in the coordinator account; null if it has none."""

    layout: Annotated[str, "The layout of the account; absent for v1, which is the usual one."]


class DumpedParticipant(TypedDict):
    """The treasurer's data about one wallet; the claims are null if it never registered with the treasurer."""

    claimed_collateral_amount: Decimal | None
    claimed_earned_points: Unsigned | None
    collateral_amount: Annotated[Decimal, "Balance of the wallet's associated token account."]
    collateral_mint: Address


class DecodedAccount(TypedDict):
    """A decoded account."""

    address: Annotated[Address | None, "Null if the input does not contain it."]
    owner: Annotated[Address | None, "Null if the input does not contain it."]
    lamports: Annotated[Unsigned | None, "Null if the input does not contain them."]
    size: Annotated[Unsigned, "In bytes."]
    type: Annotated[str | None, "The name of the type in the program; null if it is unknown."]
    layout: Annotated[str | None, "The layout of a coordinator account, such as v1; null for other types."]
    content: Annotated[Mapping[str, object] | None, "Null if the account could not be decoded."]
    error: Annotated[str | None, "Why the account could not be decoded; null if it could."]


class DecodedAccounts(TypedDict):
    """The accounts in a file."""

    accounts: list[DecodedAccount]


class UserDump(TypedDict):
    """The full state of one wallet in a run."""

    address: Address
    coordinator_account: DumpedUserInCoordinator
    lamports: Unsigned
    treasurer_participant: Annotated[DumpedParticipant | None, "Null for a run without a treasurer."]
