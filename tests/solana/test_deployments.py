"""How programs are deployed, from their accounts."""

from __future__ import annotations

import struct

import pytest
from solders.pubkey import Pubkey

from psyche_cli.errors import AccountNotFound, MalformedAccount
from psyche_cli.solana.deployments import (
    PROGRAM_DATA_HEADER_BYTES,
    ProgramDataHeader,
    decode_deployment,
    program_data_address,
)
from psyche_cli.solana.programs import FINAL_LOADERS, SYSTEM_PROGRAM, UPGRADEABLE_LOADER
from psyche_cli.solana.raw_account import RawAccount

PROGRAM, AUTHORITY = Pubkey.new_unique(), Pubkey.new_unique()


def header(slot: int, authority: Pubkey | None) -> bytes:
    return struct.pack("<IQ?32s", 3, slot, authority is not None, bytes(authority) if authority else bytes(32))


def raw(owner: Pubkey, data: bytes) -> RawAccount:
    return RawAccount(PROGRAM, owner, 1, data)


def test_deployments() -> None:
    pointer = raw(UPGRADEABLE_LOADER, struct.pack("<I", 2) + bytes(32))
    found = decode_deployment(PROGRAM, pointer, raw(UPGRADEABLE_LOADER, header(7, AUTHORITY)))
    assert (found.upgradeable, found.upgrade_authority, found.slot) == (True, AUTHORITY, 7)
    found = decode_deployment(PROGRAM, pointer, raw(UPGRADEABLE_LOADER, header(7, None)))
    assert (found.upgradeable, found.upgrade_authority, found.slot) == (False, None, 7)
    for loader in FINAL_LOADERS:
        assert decode_deployment(PROGRAM, raw(loader, b"ELF"), None).upgradeable is False
    assert decode_deployment(PROGRAM, raw(AUTHORITY, b"?"), None).upgradeable is None
    for missing in (None, raw(SYSTEM_PROGRAM, b"")):
        with pytest.raises(AccountNotFound, match="not deployed"):
            decode_deployment(PROGRAM, missing, None)
    with pytest.raises(AccountNotFound, match="closed"):
        decode_deployment(PROGRAM, pointer, None)
    for data in (b"\3", header(7, None)[:-1], b"\2" + header(7, None)[1:]):
        with pytest.raises(MalformedAccount):
            decode_deployment(PROGRAM, pointer, raw(UPGRADEABLE_LOADER, data))


@pytest.mark.parametrize("authority", [AUTHORITY, None])
def test_headers_of_program_data(authority: Pubkey | None) -> None:
    packed = ProgramDataHeader(7, authority).pack()
    assert packed == header(7, authority)
    assert len(packed) == PROGRAM_DATA_HEADER_BYTES == 45
    assert ProgramDataHeader.of(packed + b"code") == (7, authority)


def test_the_address_of_the_program_data_of_a_program() -> None:
    # That of the program Token-2022 on mainnet.
    token_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
    assert str(program_data_address(token_2022)) == "DoU57AYuPFu2QU514RktNPG22QhApEjnKxnBcu4BHDTY"
