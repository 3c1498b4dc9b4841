"""Rent: an account must hold enough for its size, or nothing. LiteSVM 0.26 forgets this for accounts without data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json

MinimumOf = Callable[[int], int]
"""Lamports that an account of so many bytes must hold."""


def may_become(before: Account | None, lamports: int, size: int, minimum_of: MinimumOf) -> bool:
    """Whether an account may come to hold ``lamports`` at ``size`` bytes.

    One that was below the minimum before (genesis and setAccount allow it) may stay so while it shrinks.
    """
    if lamports == 0 or lamports >= minimum_of(size):
        return True
    if before is None or before.lamports >= minimum_of(len(before.data)):
        return False
    return size == len(before.data) and lamports <= before.lamports


def rent_error(
    keys: Sequence[Pubkey],
    before: Mapping[Pubkey, Account | None],
    after: Mapping[Pubkey, Account | None],
    minimum_of: MinimumOf,
) -> Json:
    """The error of a transaction that leaves one of the written accounts ``after`` below its minimum, or None."""
    for index, key in enumerate(keys):
        account = after.get(key)
        if account is not None and not may_become(before.get(key), account.lamports, len(account.data), minimum_of):
            return {"InsufficientFundsForRent": {"account_index": index}}
    return None
