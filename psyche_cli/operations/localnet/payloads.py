"""What the ``localnet`` verbs return to programs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.payload_types import Address, Constraint, Unsigned


@dataclass(frozen=True)
class ReadyData:
    """A local validator that answers."""

    rpc_url: str
    ws_url: Annotated[str, "Where PubSub is."]
    pid: Annotated[Unsigned, "The process that serves."]


@dataclass(frozen=True)
class SolAmount:
    """An amount of SOL."""

    lamports: Unsigned
    sol: Annotated[Decimal, "The same in SOL, exact."]


@dataclass(frozen=True)
class AirdropData:
    """An airdrop that landed."""

    address: Annotated[Address, "Who received it."]
    lamports: Annotated[Unsigned, "How much the faucet gave."]
    balance: Annotated[SolAmount | None, "What the address holds now; null where it could not be read."]


@dataclass(frozen=True)
class NewWalletData:
    """A keypair file."""

    address: Annotated[Address, "The public key."]
    path: str
    created: Annotated[bool, "Whether the file was created; false where it existed."]


@dataclass(frozen=True)
class FundedWalletData(NewWalletData):
    """A keypair file whose address the faucet has funded, with --airdrop."""

    lamports: Annotated[Unsigned | None, "What the address holds now; null where it could not be read."]


@dataclass(frozen=True)
class NewMintData:
    """An SPL token that was created."""

    mint: Address
    token_account: Annotated[Address, "The owner's associated token account."]
    owner: Annotated[Address, "The wallet that paid, may mint, and holds the tokens."]
    decimals: Unsigned
    minted: CollateralAmount


@dataclass(frozen=True)
class WaitData:
    """An endpoint that answers."""

    endpoint: Annotated[str, "Scheme, host and port."]


@dataclass(frozen=True)
class WarpData:
    """Where the local validator is after time has passed."""

    slot: Unsigned
    block_height: Unsigned
    unix_timestamp: Annotated[Unsigned, "The cluster's clock, in seconds since 1970."]


@dataclass(frozen=True)
class ResetData:
    """A local validator that is back at genesis. There is nothing more to say."""


@dataclass(frozen=True)
class SnapshotData:
    """A snapshot that was taken, or restored."""

    snapshot: Unsigned


@dataclass(frozen=True)
class SetAccountData:
    """An account that was written."""

    address: Address


@dataclass(frozen=True)
class ExportedProgram:
    """A program that was written to a file."""

    name: str
    id: Address
    path: str
    sha256: Annotated[str, Constraint(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class ProgramsData:
    """The Psyche programs as files."""

    programs: tuple[ExportedProgram, ...]
    solana_test_validator_flags: Annotated[tuple[str, ...], "Arguments with which solana-test-validator loads them."]
