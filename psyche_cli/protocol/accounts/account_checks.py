"""Checks of an account's owner and type, which precede decoding."""

from __future__ import annotations

from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.errors import MalformedAccount, WrongDiscriminator, WrongOwner
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.programs import ProgramIds
from psyche_cli.solana.raw_account import RawAccount


def account_discriminator(name: str) -> bytes:
    """The 8-byte discriminator of Anchor accounts of type ``name``."""
    return bytes(Hash.hash(f"account:{name}".encode()))[:DISCRIMINATOR_BYTES]


def check_owner(raw: RawAccount, owner: Pubkey, what: str, programs: ProgramIds) -> None:
    """Raise WrongOwner unless ``raw`` is owned by the program ``owner``. ``what`` names the type in the error."""
    if raw.owner == owner:
        return
    raise WrongOwner(
        f"The {what} {raw.address} is owned by {_named(raw.owner, programs)}, expected {_named(owner, programs)}.",
        hint="Check that the RPC endpoint serves the intended cluster, and check the program ids.",
        address=str(raw.address),
        found=str(raw.owner),
        expected=str(owner),
    )


def check_discriminator(raw: RawAccount, name: str, what: str) -> None:
    """Raise WrongDiscriminator unless ``raw`` begins with the discriminator of the Anchor type ``name``."""
    found, expected = raw.data[:DISCRIMINATOR_BYTES], account_discriminator(name)
    if found == expected:
        return
    begins = found.hex() if found else "nothing"
    raise WrongDiscriminator(
        f"The {what} {raw.address} has the wrong discriminator: expected {expected.hex()} ({name}), got {begins}.",
        hint="The account is of another type, or was created but never initialized.",
        address=str(raw.address),
        found=found.hex(),
        expected=expected.hex(),
    )


def malformed(raw: RawAccount, what: str, field: str, offset: int, reason: str) -> MalformedAccount:
    """The error for content that the program cannot have written: ``reason`` describes ``field`` at byte ``offset``."""
    return MalformedAccount(
        f"The {what} {raw.address} is damaged: {field} at byte {offset} {reason}.",
        address=str(raw.address),
        field=field,
        offset=offset,
        size=len(raw.data),
    )


def _named(program: Pubkey, programs: ProgramIds) -> str:
    name = programs.name_of(program)
    return f"program {program}" if name == str(program) else f"the {name} program ({program})"
