"""Who may upgrade a program, and when it was last deployed."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, MalformedAccount
from psyche_cli.solana.programs import FINAL_LOADERS, UPGRADEABLE_LOADER
from psyche_cli.solana.raw_account import RawAccount, taken

PROGRAM_DATA_HEADER_BYTES: Final = 45
"""Size of the header that precedes a program's code in its program data account."""

_HEADER: Final = struct.Struct("<IQ?32s")
_PROGRAM_DATA: Final = 3
"""Tag of ``UpgradeableLoaderState::ProgramData``: slot of the last deployment, and the upgrade authority, if any."""


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
    header = taken(data)
    if header is None:
        raise AccountNotFound(
            f"The program {program} has no program data: it was closed.",
            address=str(program_data_address(program)),
        )
    try:
        tag, slot, has_authority, authority = _HEADER.unpack(header.data[: _HEADER.size])
    except struct.error:
        tag, slot, has_authority, authority = 0, 0, False, bytes(32)
    if tag != _PROGRAM_DATA:
        raise MalformedAccount(
            f"The account {header.address} is not the program data account of program {program}.",
            address=str(header.address),
        )
    key = Pubkey.from_bytes(authority) if has_authority else None
    return Deployment(program, found.owner, key is not None, key, slot)
