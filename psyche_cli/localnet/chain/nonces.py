"""Durable nonces: account values that stand in for a blockhash and work once."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.programs import SYSTEM_PROGRAM

NONCE_BYTES: Final = 80
"""Size of a nonce account: version and state (u32 each), authority (32), value (32), fee (u64)."""

_INITIALIZED: Final = b"\1\0\0\0\1\0\0\0"
_AUTHORITY: Final = slice(8, 40)
_VALUE: Final = slice(40, 72)
_PREFIX: Final = b"DURABLE_NONCE"


def nonce_is_current(transaction: DecodedTransaction, account: Account | None) -> bool:
    """Whether a transaction's blockhash is the value of the nonce ``account`` that it advances, by its authority."""
    if account is None or account.owner != SYSTEM_PROGRAM or len(account.data) != NONCE_BYTES:
        return False
    data = account.data
    return (
        data[:8] == _INITIALIZED
        and data[_VALUE] == bytes(transaction.recent_blockhash)
        and Pubkey(data[_AUTHORITY]) in transaction.nonce_authority_signs
    )


def used_up(account: Account, used: Hash) -> Account:
    """The nonce account after its value ``used`` was used."""
    data = account.data
    following = sha256(_PREFIX + bytes(used)).digest()
    data = data[: _VALUE.start] + following + data[_VALUE.stop :]
    return Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
