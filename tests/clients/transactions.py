"""Transactions that the Python sessions send, built with solders, and the options with which they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from solana.rpc.commitment import Confirmed
from solana.rpc.types import TxOpts
from solders.account_decoder import ParsedAccount
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    CreateLookupTableParams,
    ExtendLookupTableParams,
    TransferParams,
    advance_nonce_account,
    create_lookup_table,
    extend_lookup_table,
    transfer,
)
from solders.transaction import VersionedTransaction

CONFIRMED = TxOpts(skip_confirmation=False, preflight_commitment=Confirmed)
UNCHECKED = TxOpts(skip_preflight=True, preflight_commitment=Confirmed)
SOL = 1_000_000_000
FEE = 5_000
NONCE_BYTES = 80
INSUFFICIENT_FUNDS = 1
"""The error code of the system program and the token program for a transfer that exceeds the balance."""


def pay(payer: Keypair, to: Pubkey, lamports: int) -> Instruction:
    """A system transfer."""
    return transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))


def signed(
    payer: Keypair, blockhash: Hash, *instructions: Instruction, others: Sequence[Keypair] = ()
) -> VersionedTransaction:
    """A signed legacy transaction."""
    message = Message.new_with_blockhash(list(instructions), payer.pubkey(), blockhash)
    return VersionedTransaction(message, [payer, *others])


def signed_v0(
    payer: Keypair, blockhash: Hash, *instructions: Instruction, tables: Sequence[AddressLookupTableAccount] = ()
) -> VersionedTransaction:
    """A signed transaction of version 0 with lookup tables."""
    message = MessageV0.try_compile(payer.pubkey(), list(instructions), list(tables), blockhash)
    return VersionedTransaction(message, [payer])


def advance_nonce(nonce: Pubkey, authority: Keypair) -> Instruction:
    """The first instruction of a transaction with a durable nonce."""
    return advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=authority.pubkey()))


def nonce_value(data: bytes) -> Hash:
    """The durable blockhash in a nonce account: version and state (4 bytes each), authority, then the hash."""
    assert len(data) == NONCE_BYTES
    return Hash.from_bytes(data[40:72])


def new_table(payer: Pubkey, recent_slot: int, addresses: list[Pubkey]) -> tuple[list[Instruction], Pubkey]:
    """Instructions that create and extend a lookup table, and its address."""
    create, table = create_lookup_table(
        CreateLookupTableParams(authority_address=payer, payer_address=payer, recent_slot=recent_slot)
    )
    extend = extend_lookup_table(
        ExtendLookupTableParams(
            lookup_table_address=table, authority_address=payer, payer_address=payer, new_addresses=addresses
        )
    )
    return [create, extend], table


def unfit_signature(transaction: VersionedTransaction) -> bytes:
    """The transaction's bytes with one bit of its first signature flipped."""
    raw = bytearray(bytes(transaction))
    raw[1] ^= 1
    return bytes(raw)


def parsed(account: object) -> Any:
    """The content of an account that was requested as jsonParsed, which must have been parsed."""
    data = getattr(account, "data", None)
    assert isinstance(data, ParsedAccount), account
    return data.parsed
