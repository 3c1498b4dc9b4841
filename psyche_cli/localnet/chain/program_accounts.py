"""Accounts of the upgradeable loader, as the local validator creates and reads them."""

from __future__ import annotations

from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.rent import RENT_EXEMPT_EPOCH, rent_exempt_minimum
from psyche_cli.solana.deployments import (
    PROGRAM_DATA_HEADER_BYTES,
    PROGRAM_DATA_TAG,
    PROGRAM_TAG,
    ProgramDataHeader,
    program_data_address,
)
from psyche_cli.solana.programs import UPGRADEABLE_LOADER

_PROGRAM: Final = PROGRAM_TAG.to_bytes(4, "little")
_PROGRAM_DATA: Final = PROGRAM_DATA_TAG.to_bytes(4, "little")


def upgradeable_program(program: Pubkey, code: bytes, authority: Pubkey) -> dict[Pubkey, Account]:
    """The program data account and the program account of a program deployed in slot 0."""
    data_address = program_data_address(program)
    header = ProgramDataHeader(0, authority).pack()
    return {
        data_address: _owned_by_loader(header + code),
        program: _owned_by_loader(_PROGRAM + bytes(data_address), executable=True),
    }


def _owned_by_loader(data: bytes, *, executable: bool = False) -> Account:
    return Account(rent_exempt_minimum(len(data)), data, UPGRADEABLE_LOADER, executable, RENT_EXEMPT_EPOCH)


def points_to(account: Account | None) -> Pubkey | None:
    """The program data address in the account of an upgradeable program; None for any other account."""
    if account is None or not account.executable or account.owner != UPGRADEABLE_LOADER:
        return None
    data = account.data
    return Pubkey(data[4:36]) if data[:4] == _PROGRAM and len(data) >= 36 else None


def is_program_data(account: Account | None) -> bool:
    """Whether an account holds the code of an upgradeable program."""
    return (
        account is not None
        and account.owner == UPGRADEABLE_LOADER
        and account.lamports > 0
        and account.data[:4] == _PROGRAM_DATA
        and len(account.data) >= PROGRAM_DATA_HEADER_BYTES
    )


def deployment_slot(program_data: Account) -> int:
    """The slot in which a program data account was last deployed, upgraded or extended."""
    return int.from_bytes(program_data.data[4:12], "little")
