"""Who may upgrade a program, and when it was last deployed."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, MalformedAccount
from psyche_cli.solana.programs import FINAL_LOADERS, UPGRADEABLE_LOADER
from psyche_cli.solana.raw_account import RawAccount, taken

PROGRAM_TAG: Final = 2
"""Tag of ``UpgradeableLoaderState::Program``, which is followed by the address of the program data account."""

PROGRAM_DATA_TAG: Final = 3
"""Tag of ``UpgradeableLoaderState::ProgramData``."""

_HEADER: Final = struct.Struct("<IQ?32s")

PROGRAM_DATA_HEADER_BYTES: Final = _HEADER.size
"""Size of the header that precedes a program's code in its program data account."""


class ProgramDataHeader(NamedTuple):
    """The slot of the last deployment, and who may upgrade the program (None for nobody)."""

    slot: int
    authority: Pubkey | None

    def pack(self) -> bytes:
        """The bytes before the code in a program data account."""
        has_authority = self.authority is not None
        return _HEADER.pack(PROGRAM_DATA_TAG, self.slot, has_authority, bytes(self.authority or Pubkey.default()))

    @classmethod
    def of(cls, data: bytes) -> ProgramDataHeader | None:
        """The inverse of ``pack``; the code may follow. None if it is not that of a program data account."""
        if len(data) < _HEADER.size:
            return None
        tag, slot, has_authority, authority = _HEADER.unpack_from(data)
        return cls(slot, Pubkey(authority) if has_authority else None) if tag == PROGRAM_DATA_TAG else None


class Deployment(NamedTuple):
    """How a program is deployed.

    ``upgradeable`` is None for an unknown loader. ``slot`` is that of the last deployment, or None if the loader does
    not record it.
    """

    program: Pubkey
    loader: Pubkey
    upgradeable: bool | None
    upgrade_authority: Pubkey | None = None
    slot: int | None = None


def program_data_address(program: Pubkey) -> Pubkey:
    """The account in which the upgradeable loader keeps a program's code."""
    return Pubkey.find_program_address([bytes(program)], UPGRADEABLE_LOADER)[0]


def decode_deployment(program: Pubkey, raw: RawAccount | None, data: RawAccount | None) -> Deployment:
    """The deployment of a program, from its account and the first 45 bytes at ``program_data_address``.

    Raises AccountNotFound for a program that is not deployed, MalformedAccount.
    """
    found = taken(raw)
    if found is None:
        raise AccountNotFound(
            f"The program {program} is not deployed on this cluster.", hint="Check --rpc.", address=str(program)
        )
    if found.owner != UPGRADEABLE_LOADER:
        return Deployment(program, found.owner, False if found.owner in FINAL_LOADERS else None)
    program_data = taken(data)
    if program_data is None:
        raise AccountNotFound(
            f"The program {program} has no program data: it was closed.",
            address=str(program_data_address(program)),
        )
    header = ProgramDataHeader.of(program_data.data)
    if header is None:
        raise MalformedAccount(
            f"The account {program_data.address} is not the program data account of program {program}.",
            address=str(program_data.address),
        )
    return Deployment(program, found.owner, header.authority is not None, header.authority, header.slot)
