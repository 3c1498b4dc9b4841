"""The account declarations of the instructions that the framework adds to every program."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import cast

from solders.pubkey import Pubkey

from .chain import ABORT, SYSTEM
from .declarations import SYSTEM_PROGRAM
from .framework import (
    Accounts,
    Declared,
    Refused,
    anything,
    borsh,
    close_to,
    found_seeds,
    raw,
    require_owner,
    signer,
    writable,
)

IDL_DISCRIMINATOR = hashlib.sha256(b"internal:IdlAccount").digest()[:8]
IDL_HEAD = 44  # discriminator, authority, length of the text


def _idl(data: bytes) -> Pubkey:
    authority, _ = struct.unpack_from("<32sI", data)
    return Pubkey(authority)


def _has_authority(name: str, accounts: Accounts) -> None:
    stored, found = cast(Pubkey, accounts.held[name]), accounts.key("authority")
    if stored != found:
        raise Refused(2001, name, (stored, found))


def _zeroed(name: str, accounts: Accounts) -> None:
    given = accounts.given[name]
    if len(given.data) < 8:
        raise Refused(ABORT)
    if given.data[:8] != bytes(8):
        raise Refused(2013, name)
    require_owner(name, given, accounts.program)
    if len(given.data) < IDL_HEAD:
        raise Refused(3003, name)


def _rent_exempt(name: str, accounts: Accounts) -> None:
    given = accounts.given[name]
    if given.lamports < accounts.chain.svm.minimum_balance_for_rent_exemption(len(given.data)):
        raise Refused(2005, name)


def _signing(name: str, accounts: Accounts) -> None:
    if not accounts.given[name].signer:
        raise Refused(2002, name)


def _executable(name: str, accounts: Accounts) -> None:
    if not accounts.given[name].executable:
        raise Refused(2007, name)


def idl_declarations(name: str, program_id: Pubkey) -> Sequence[Declared]:
    """The accounts of one of the framework's instructions."""
    idl = borsh(program_id, IDL_DISCRIMINATOR, _idl)
    somebody = raw(lambda a: a.key("authority") != SYSTEM)
    authority = Declared("authority", signer, [somebody])
    own = Declared("idl", idl, [writable, _has_authority])
    match name:
        case "create":
            return [
                Declared("from", anything, [_signing]),
                Declared("to", anything, [writable]),
                Declared("base", anything, [found_seeds(lambda a: ())]),
                SYSTEM_PROGRAM,
                Declared("program", anything, [_executable]),
            ]
        case "create_buffer":
            return [Declared("buffer", anything, [_zeroed, writable, _rent_exempt], "zeroed"), authority]
        case "write" | "set_authority":
            return [own, authority]
        case "set_buffer":
            same = raw(lambda a: a.held["buffer"] == a.held["idl"])
            return [Declared("buffer", idl, [writable, same]), own, authority]
        case "close":
            closed = Declared("account", idl, [writable, _has_authority, close_to("sol_destination")])
            return [closed, authority, Declared("sol_destination", anything, [writable])]
        case "resize":
            return [own, Declared("authority", signer, [writable, somebody]), SYSTEM_PROGRAM]
    raise ValueError(name)
