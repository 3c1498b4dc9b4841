"""Decoding of any account of the Psyche programs or of SPL Token, with its type detected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from psyche_cli.errors import WrongDiscriminator, WrongOwner, WrongSize
from psyche_cli.limits import DISCRIMINATOR_BYTES, MINT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.protocol.accounts.account_checks import account_discriminator
from psyche_cli.protocol.accounts.coordinator_account import CoordinatorAccount, decode_coordinator_account
from psyche_cli.protocol.accounts.small_accounts import (
    Authorization,
    CoordinatorInstance,
    Participant,
    TreasurerRun,
    decode_authorization,
    decode_instance,
    decode_participant,
    decode_treasurer_run,
)
from psyche_cli.protocol.accounts.token_accounts import TokenAccount, TokenMint, decode_mint, decode_token_account
from psyche_cli.protocol.programs import PUBLISHED, ProgramIds
from psyche_cli.solana.programs import TOKEN_PROGRAM
from psyche_cli.solana.raw_account import RawAccount

DecodedAccount: TypeAlias = (
    CoordinatorInstance | CoordinatorAccount | Authorization | TreasurerRun | Participant | TokenMint | TokenAccount
)

_DECODERS: Final[Mapping[str, Mapping[str, Callable[[RawAccount, ProgramIds], DecodedAccount]]]] = {
    "coordinator": {"CoordinatorInstance": decode_instance, "CoordinatorAccount": decode_coordinator_account},
    "authorizer": {"Authorization": decode_authorization},
    "treasurer": {"Run": decode_treasurer_run, "Participant": decode_participant},
}
"""The decoder of each Anchor account type, by owner."""

_TOKEN_DECODERS: Final[Mapping[int, Callable[[RawAccount], DecodedAccount]]] = {
    MINT_BYTES: decode_mint,
    TOKEN_ACCOUNT_BYTES: decode_token_account,
}


def decode_account(raw: RawAccount, programs: ProgramIds = PUBLISHED) -> DecodedAccount:
    """The decoded content of an account of any known type.

    The type of a Psyche account is determined by its owner and its first 8 bytes, that of an SPL Token account by its
    size (82 or 165 bytes). Raises WrongOwner for an account of another program, WrongDiscriminator or WrongSize for an
    unknown type, and the errors of the type's decoder (WrongSize, WrongVersion, MalformedAccount).
    """
    if raw.owner == TOKEN_PROGRAM:
        if len(raw.data) not in _TOKEN_DECODERS:
            raise WrongSize(
                f"The SPL Token account {raw.address} is {len(raw.data)} bytes long; "
                f"a mint is {MINT_BYTES} bytes, a token account {TOKEN_ACCOUNT_BYTES}.",
                address=str(raw.address),
                found=len(raw.data),
            )
        return _TOKEN_DECODERS[len(raw.data)](raw)
    owner = programs.name_of(raw.owner)
    if owner not in _DECODERS:
        raise WrongOwner(
            f"The account {raw.address} is owned by program {raw.owner}, which is neither a Psyche program nor SPL "
            "Token.",
            hint="Check the address, and that the RPC endpoint serves the intended cluster.",
            address=str(raw.address),
            found=str(raw.owner),
        )
    found = raw.data[:DISCRIMINATOR_BYTES]
    for name, decode in _DECODERS[owner].items():
        if found == account_discriminator(name):
            return decode(raw, programs)
    raise WrongDiscriminator(
        f"The account {raw.address} of the {owner} program begins with {found.hex() or 'nothing'}, "
        f"unlike {' and '.join(_DECODERS[owner])}.",
        hint="It was created but never initialized, or it was created by another version of the program.",
        address=str(raw.address),
        found=found.hex(),
    )
