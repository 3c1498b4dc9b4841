"""JSON payload of ``--dry-run``, which is the same for every verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from psyche_cli.payload_types import Address, Unsigned

Value = str | int | float | bool | None


@dataclass(frozen=True)
class ChangedLeaf:
    """A value of an account that changes."""

    path: Annotated[str, "owner, size (bytes of data), executable, or a path in the content: config.total_steps."]
    before: Annotated[Value, "Null if absent."]
    after: Annotated[Value, "Null if absent."]


@dataclass(frozen=True)
class TokenChange:
    """A change of the balance of a token account, in base units."""

    mint: Address
    decimals: Annotated[Unsigned | None, "Decimal places of the token; null if unknown."]
    before: Unsigned
    after: Unsigned


@dataclass(frozen=True)
class AccountEffects:
    """The effects on an account."""

    address: Address
    account: Annotated[str, "The type of the account in words, such as wallet or coordinator account."]
    outcome: Literal["changed", "created", "closed"]
    lamports_before: Unsigned
    lamports_after: Unsigned
    tokens: Annotated[TokenChange | None, "Null for other accounts, and for an unchanged balance."]
    changes: Annotated[
        list[ChangedLeaf],
        "All other changed values; for a created account those that are not zero or empty, for a closed one none.",
    ]


@dataclass(frozen=True)
class SimulatedTransaction:
    """A transaction that the command would send."""

    label: str
    simulated: Annotated[bool, "False for a transaction that cannot be simulated until the one before it has landed."]
    compared: Annotated[bool, "Whether the simulation was compared with the plan; false if the node does not allow it."]
    fee_lamports: Annotated[Unsigned | None, "The fee, with the priority fee; null unless simulated."]
    compute_units: Annotated[Unsigned | None, "Compute units that the simulation consumed; null if unknown."]
    accounts: Annotated[list[AccountEffects], "Accounts that change; empty unless compared."]
    logs: Annotated[list[str], "Logs of the simulation."]


@dataclass(frozen=True)
class DryRunData:
    """What a command would do. Nothing was signed or sent."""

    dry_run: Annotated[bool, "Always true."]
    transactions: list[SimulatedTransaction]
