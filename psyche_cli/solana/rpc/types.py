"""The return types of the RPC calls."""

from __future__ import annotations

from dataclasses import dataclass

from solders.hash import Hash

from psyche_cli.errors import Json

COMMITMENTS = ("processed", "confirmed", "finalized")


@dataclass(frozen=True)
class Blockhash:
    """A recent blockhash and the last block height at which a transaction with it can land."""

    hash: Hash
    last_valid_block_height: int


@dataclass(frozen=True)
class ChainPosition:
    """A node's slot and block height (the number of slots with a block) at one time."""

    slot: int
    block_height: int


@dataclass(frozen=True)
class Simulation:
    """The result of a simulation. ``err`` is None or the transaction error in its JSON-RPC form.

    ``blockhash`` is the replacement blockhash, if the node was asked to replace it and reports it.
    """

    err: Json
    logs: tuple[str, ...]
    units_consumed: int | None
    blockhash: Blockhash | None = None


@dataclass(frozen=True)
class SignatureStatus:
    """The status of a transaction: slot, error or None, and commitment (processed, confirmed or finalized)."""

    slot: int
    err: Json
    confirmation_status: str


@dataclass(frozen=True)
class LandedTransaction:
    """A transaction in the ledger: slot, error or None, logs, and fee in lamports."""

    slot: int
    err: Json
    logs: tuple[str, ...]
    fee_lamports: int


@dataclass(frozen=True)
class TokenAmount:
    """The balance of a token account: base units, and the decimals of its mint."""

    base_units: int
    decimals: int
