"""What the RPC calls return."""

from __future__ import annotations

from dataclasses import dataclass

from solders.hash import Hash

from psyche_cli.errors import Json

COMMITMENTS = ("processed", "confirmed", "finalized")


@dataclass(frozen=True)
class Blockhash:
    """A recent blockhash and the last block height at which a transaction with it may land."""

    hash: Hash
    last_valid_block_height: int


@dataclass(frozen=True)
class ChainPosition:
    """Where one node was at one moment: slot and block height (slots that got a block)."""

    slot: int
    block_height: int


@dataclass(frozen=True)
class Simulation:
    """What a transaction would do now. ``err`` is None or the transaction error as the RPC's JSON has it.

    ``blockhash`` is the one that the node put into the transaction, if it was asked to and says so.
    """

    err: Json
    logs: tuple[str, ...]
    units_consumed: int | None
    blockhash: Blockhash | None = None


@dataclass(frozen=True)
class SignatureStatus:
    """Where a transaction got to: its slot, its error or None, and processed, confirmed or finalized."""

    slot: int
    err: Json
    confirmation_status: str


@dataclass(frozen=True)
class LandedTransaction:
    """A transaction in the ledger: slot, error or None, logs, fee in lamports."""

    slot: int
    err: Json
    logs: tuple[str, ...]
    fee_lamports: int


@dataclass(frozen=True)
class TokenAmount:
    """The balance of a token account: base units and the decimals of its mint."""

    base_units: int
    decimals: int
