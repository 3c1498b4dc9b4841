"""The return types of the RPC calls."""

from __future__ import annotations

from typing import NamedTuple

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import Json
from psyche_cli.solana.raw_account import RawAccount

COMMITMENTS = ("processed", "confirmed", "finalized")


class Blockhash(NamedTuple):
    """A recent blockhash, and the last block height at which a transaction with it can land; None for the value of a
    durable nonce."""

    hash: Hash
    last_valid_block_height: int | None


class ChainPosition(NamedTuple):
    """A node's slot and block height (the number of slots with a block) at one time."""

    slot: int
    block_height: int


class Simulation(NamedTuple):
    """The result of a simulation. ``err`` is None or the transaction error in its JSON-RPC form.

    ``blockhash`` is the replacement blockhash, if the node was asked to replace it and reports it. ``slot`` is that
    of the bank in which the node simulated. ``accounts`` are the requested accounts afterwards, None for each that does
    not exist, or None if the node did not return them.
    """

    err: Json
    logs: tuple[str, ...]
    units_consumed: int | None
    blockhash: Blockhash | None = None
    slot: int = 0
    accounts: tuple[RawAccount | None, ...] | None = None


class SignatureStatus(NamedTuple):
    """The status of a transaction: slot, error or None, and commitment (processed, confirmed or finalized)."""

    slot: int
    err: Json
    confirmation_status: str


class LandedTransaction(NamedTuple):
    """A transaction in the ledger: slot, error or None, logs, fee in lamports, and fee payer if known."""

    slot: int
    err: Json
    logs: tuple[str, ...]
    fee_lamports: int
    payer: Pubkey | None = None


class AddressSignature(NamedTuple):
    """A transaction that includes an address: signature, slot, error or None, and Unix time in seconds if known.

    ``commitment`` is that of its block (confirmed or finalized), None if the endpoint does not report it.
    """

    signature: Signature
    slot: int
    err: Json
    block_time: int | None = None
    commitment: str | None = None


class TokenAmount(NamedTuple):
    """The balance of a token account: base units, and the decimals of its mint."""

    base_units: int
    decimals: int
