"""Durable nonces: account values that replace a blockhash and can be used once."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from solders.account import Account
from solders.hash import Hash

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.nonces import NONCE_VALUE, nonce_in

_PREFIX: Final = b"DURABLE_NONCE"


def nonce_is_current(transaction: DecodedTransaction, account: Account | None) -> bool:
    """Whether the transaction uses the current value of the nonce ``account``, and is signed by its authority."""
    nonce = None if account is None else nonce_in(account.owner, account.data)
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
    data = data[: NONCE_VALUE.start] + following + data[NONCE_VALUE.stop :]
    return Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
