"""JSON payloads of the ``localnet`` verbs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from psyche_cli.operations.rewards.payloads import CollateralAmount
from psyche_cli.payload_types import Address, Constraint, Unsigned


@dataclass(frozen=True)
class SolAmount:
    """An amount of SOL."""

    lamports: Unsigned
    sol: Annotated[Decimal, "The amount in SOL, exact."]


@dataclass(frozen=True)
class AirdropData:
    """An airdrop that landed."""

    address: Annotated[Address, "The recipient."]
    lamports: Annotated[Unsigned, "The amount that was airdropped."]
    balance: Annotated[SolAmount | None, "The recipient's balance afterwards; null if it could not be read."]


@dataclass(frozen=True)
class NewWalletData:
    """A keypair file."""

    address: Annotated[Address, "The public key."]
    path: str
    created: Annotated[bool, "Whether the command created the file; false if it already existed."]


@dataclass(frozen=True)
class FundedWalletData(NewWalletData):
    """A keypair file whose address was funded by the faucet; the output with --airdrop."""

    lamports: Annotated[Unsigned | None, "The address's balance afterwards; null if it could not be read."]


@dataclass(frozen=True)
class NewMintData:
    """An SPL token mint that was created."""

    mint: Address
    token_account: Annotated[Address, "The owner's associated token account."]
    owner: Annotated[Address, "The wallet that paid, is the mint authority, and owns the tokens."]
    decimals: Unsigned
    minted: CollateralAmount


@dataclass(frozen=True)
class WaitData:
    """An endpoint that became ready."""

    endpoint: Annotated[str, "Scheme, host and port of the RPC URL."]


@dataclass(frozen=True)
class DeployedProgram:
    """A program on the local validator."""

    name: Annotated[str | None, "The name of a Psyche program; null for others."]
    id: Annotated[Address, "Program id."]


@dataclass(frozen=True)
class StatusData:
    """A running local validator."""

    endpoint: Annotated[str, "Scheme, host and port of the RPC URL."]
    version: Annotated[str, "Version of psyche-cli that runs the validator."]
    pid: Annotated[Unsigned, "Process id of the validator."]
    slot: Unsigned
    block_height: Unsigned
    transactions: Annotated[Unsigned, "Number of transactions executed since genesis."]
    unix_timestamp: Annotated[int, "The cluster's clock, in seconds since 1970."]
    slot_seconds: Annotated[float, "Length of a slot in seconds; with 0, slots only advance by warping."]
    ledger: Annotated[str | None, "The folder that stores the chain; null if it is only in memory."]
    writable: Annotated[bool, "Whether transactions can be executed."]
    problem: Annotated[str | None, "Why the ledger cannot be written; null if it can."]
    programs: Annotated[tuple[DeployedProgram, ...], "The programs of the upgradeable loader."]


@dataclass(frozen=True)
class StopData:
    """A local validator that does not run anymore."""

    endpoint: Annotated[str | None, "Scheme, host and port of the RPC URL; null if the ready file does not exist."]
    was_running: Annotated[bool, "Whether the command stopped it; false if nothing was running."]


@dataclass(frozen=True)
class WarpData:
    """The slot and clock of the local validator after the warp."""

    slot: Unsigned
    block_height: Unsigned
    unix_timestamp: Annotated[Unsigned, "The cluster's clock, in seconds since 1970."]


@dataclass(frozen=True)
class ResetData:
    """A local validator that was reset to genesis. The object has no fields."""


@dataclass(frozen=True)
class SnapshotData:
    """A snapshot that was taken or restored."""

    snapshot: Annotated[Unsigned, "Number of the snapshot."]


@dataclass(frozen=True)
class SetAccountData:
    """An account that was written."""

    address: Address


@dataclass(frozen=True)
class ExportedProgram:
    """A program that was written to a file."""

    name: str
    id: Annotated[Address, "Program id."]
    path: str
    sha256: Annotated[str, Constraint(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class ProgramsData:
    """The exported Psyche programs."""

    programs: tuple[ExportedProgram, ...]
    solana_test_validator_flags: Annotated[tuple[str, ...], "Arguments for solana-test-validator that load them."]
