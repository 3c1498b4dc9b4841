"""The cost of account storage, from the cluster's rent sysvar."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from psyche_cli.errors import AccountNotFound, MalformedAccount, WrongOwner
from psyche_cli.solana.programs import RENT_SYSVAR, SYSVAR_OWNER
from psyche_cli.solana.raw_account import RawAccount

_LAYOUT: Final = struct.Struct("<QdB")
_ACCOUNT_OVERHEAD: Final = 128
"""The bytes that rent counts per account in addition to its data."""


class Rent(NamedTuple):
    """The rent in lamports per byte-year, and the exemption threshold in years, as a fraction."""

    lamports_per_byte_year: int
    years: tuple[int, int]

    def exempt_minimum(self, size: int) -> int:
        """The minimum balance of an account with ``size`` bytes of data, in lamports."""
        numerator, denominator = self.years
        return (_ACCOUNT_OVERHEAD + size) * self.lamports_per_byte_year * numerator // denominator


def decode_rent(raw: RawAccount | None) -> Rent:
    """Decode the rent sysvar. Raises AccountNotFound, WrongOwner or MalformedAccount if it is not one."""
    if raw is None:
        raise AccountNotFound(
            f"The rent sysvar {RENT_SYSVAR} does not exist on this cluster.", address=str(RENT_SYSVAR)
        )
    if raw.owner != SYSVAR_OWNER:
        raise WrongOwner(
            f"The account {RENT_SYSVAR} is owned by {raw.owner}, expected {SYSVAR_OWNER}.",
            address=str(raw.address),
            found=str(raw.owner),
            expected=str(SYSVAR_OWNER),
        )
    try:
        lamports_per_byte_year, years, _ = _LAYOUT.unpack(raw.data)
        return Rent(lamports_per_byte_year, years.as_integer_ratio())
    except (struct.error, ValueError, OverflowError) as error:
        raise MalformedAccount(
            f"The account {RENT_SYSVAR} does not contain valid rent parameters.", address=str(raw.address)
        ) from error
