"""Durable nonces: the value of an account on the chain that replaces a blockhash and can be used once."""

from __future__ import annotations

from typing import Final, NamedTuple

from solders.hash import Hash
from solders.message import Message
from solders.pubkey import Pubkey

from psyche_cli.solana.programs import SYSTEM_PROGRAM

NONCE_BYTES: Final = 80
"""The size of a nonce account: version and state (u32 each), authority (32), value (32), fee (u64)."""

NONCE_VALUE: Final = slice(40, 72)
"""The value in the data of a nonce account."""

_CURRENT: Final = b"\1\0\0\0"
_INITIALIZED: Final = b"\1\0\0\0"
ADVANCE_NONCE: Final = (4).to_bytes(4, "little")
"""The data of the system program's instruction that advances a nonce."""


class Nonce(NamedTuple):
    """An initialized nonce account: authority, value, and the fee per signature when the value was set.

    Transactions cannot use a nonce of the legacy version, for which ``is_current`` is False.
    """

    is_current: bool
    authority: Pubkey
    value: Hash
    lamports_per_signature: int


class NonceUse(NamedTuple):
    """The use of a nonce by a transaction: the nonce account, the authority that signs, and the value."""

    account: Pubkey
    authority: Pubkey
    value: Hash


def nonce_in(owner: Pubkey, data: bytes) -> Nonce | None:
    """The nonce in an account with this owner and data; None if it is not an initialized nonce account."""
    if owner != SYSTEM_PROGRAM or len(data) != NONCE_BYTES or data[4:8] != _INITIALIZED:
        return None
    return Nonce(data[:4] == _CURRENT, Pubkey(data[8:40]), Hash(data[NONCE_VALUE]), int.from_bytes(data[72:], "little"))


def nonce_used_by(message: Message) -> NonceUse | None:
    """The nonce that the first instruction of a transaction advances; None for a transaction with a blockhash."""
    if not message.instructions:
        return None
    first, keys = message.instructions[0], message.account_keys
    accounts = bytes(first.accounts)
    if keys[first.program_id_index] != SYSTEM_PROGRAM or bytes(first.data)[:4] != ADVANCE_NONCE or len(accounts) < 3:
        return None
    return NonceUse(keys[accounts[0]], keys[accounts[2]], message.recent_blockhash)
