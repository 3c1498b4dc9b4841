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


def nonce_value(blockhash: Hash) -> Hash:
    """The value of a nonce that is created or advanced when this is the latest blockhash."""
    return Hash(sha256(_PREFIX + bytes(blockhash)).digest())


def advanced_nonce(account: Account, blockhash: Hash) -> Account:
    """The nonce account once it has been advanced when ``blockhash`` is the latest one."""
    data = account.data
    data = data[: NONCE_VALUE.start] + bytes(nonce_value(blockhash)) + data[NONCE_VALUE.stop :]
    return Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)


def is_of_this_slot(account: Account | None, latest: Hash) -> bool:
    """Whether the nonce in ``account`` was set in the current slot, whose latest blockhash is ``latest``.

    A cluster advances it, and lets it be withdrawn, from the next slot on.
    """
    nonce = None if account is None else nonce_in(account.owner, account.data)
    return nonce is not None and nonce.value == nonce_value(latest)
