"""What the cluster asks for storage, as its rent sysvar says."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from psyche_cli.errors import AccountNotFound, MalformedAccount, WrongOwner
from psyche_cli.solana.programs import RENT_SYSVAR, SYSVAR_OWNER
from psyche_cli.solana.raw_account import RawAccount

_LAYOUT: Final = struct.Struct("<QdB")
_ACCOUNT_OVERHEAD: Final = 128
"""Bytes that every account takes beside its data."""


@dataclass(frozen=True)
class Rent:
    """Lamports per byte and year, and for how many years an account must hold them to be exempt, as a fraction."""

    lamports_per_byte_year: int
    years: tuple[int, int]

    def exempt_minimum(self, size: int) -> int:
        """Lamports that an account of ``size`` bytes must hold."""
        numerator, denominator = self.years
        return (_ACCOUNT_OVERHEAD + size) * self.lamports_per_byte_year * numerator // denominator


def decode_rent(raw: RawAccount | None) -> Rent:
    """Read the rent sysvar. Raises AccountNotFound, WrongOwner or MalformedAccount where there is no such thing."""
    if raw is None:
        raise AccountNotFound(
            f"The cluster has no account {RENT_SYSVAR}, which says what storage costs.", address=str(RENT_SYSVAR)
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
            f"The account {RENT_SYSVAR} does not hold the parameters of rent.", address=str(raw.address)
        ) from error
