"""Durable nonces: account values that replace a blockhash and can be used once."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.programs import SYSTEM_PROGRAM

NONCE_BYTES: Final = 80
"""The size of a nonce account: version and state (u32 each), authority (32), value (32), fee (u64)."""

_CURRENT: Final = b"\1\0\0\0"
_INITIALIZED: Final = b"\1\0\0\0"
_VALUE: Final = slice(40, 72)
_PREFIX: Final = b"DURABLE_NONCE"


@dataclass(frozen=True)
class Nonce:
    """An initialized nonce account: authority, value, and the fee per signature when the value was set.

    Transactions cannot use a nonce of the legacy version, for which ``is_current`` is False.
    """

    is_current: bool
    authority: Pubkey
    value: Hash
    lamports_per_signature: int


def nonce_of(account: Account) -> Nonce | None:
    """The nonce stored in the account; None if it is not an initialized nonce account."""
    data = account.data
    if account.owner != SYSTEM_PROGRAM or len(data) != NONCE_BYTES or data[4:8] != _INITIALIZED:
        return None
    return Nonce(data[:4] == _CURRENT, Pubkey(data[8:40]), Hash(data[_VALUE]), int.from_bytes(data[72:], "little"))


def nonce_is_current(transaction: DecodedTransaction, account: Account | None) -> bool:
    """Whether the transaction uses the current value of the nonce ``account``, and is signed by its authority."""
    nonce = None if account is None else nonce_of(account)
    return (
        nonce is not None
        and nonce.is_current
        and nonce.value == transaction.recent_blockhash
        and nonce.authority in transaction.nonce_authority_signs
    )


def advanced_nonce(account: Account, used: Hash) -> Account:
    """The nonce account after its value ``used`` has been used."""
    data = account.data
    following = sha256(_PREFIX + bytes(used)).digest()
    data = data[: _VALUE.start] + following + data[_VALUE.stop :]
    return Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
