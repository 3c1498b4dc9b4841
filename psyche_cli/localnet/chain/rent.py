"""Rent checks: an account must be rent-exempt or empty. LiteSVM 0.26 does not check accounts without data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX

RENT_EXEMPT_EPOCH: Final = U64_MAX
"""The rent epoch of an account that is rent-exempt, on any cluster."""

_ACCOUNT_OVERHEAD: Final = 128
LAMPORTS_PER_BYTE: Final = 6960
"""The minimum balance of an account in lamports, per byte of its data and of its overhead."""


MinimumOf = Callable[[int], int]
"""The minimum balance in lamports, by data size in bytes."""


def rent_exempt_minimum(size: int) -> int:
    """The minimum balance in lamports of an account with ``size`` bytes of data: two years' rent of every cluster."""
    return (_ACCOUNT_OVERHEAD + size) * LAMPORTS_PER_BYTE


def transition_allowed(before: Account | None, lamports: int, size: int, minimum_of: MinimumOf) -> bool:
    """Whether a transaction may leave an account with ``lamports`` at ``size`` bytes.

    An account already below the minimum (which genesis and setAccount allow) may remain so if its size is unchanged and
    its balance does not increase.
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
    """The error of a transaction that leaves a written account (``after``) below its minimum, or None."""
    for index, key in enumerate(keys):
        account = after.get(key)
        if account is not None and not transition_allowed(
            before.get(key), account.lamports, len(account.data), minimum_of
        ):
            return {"InsufficientFundsForRent": {"account_index": index}}
    return None
