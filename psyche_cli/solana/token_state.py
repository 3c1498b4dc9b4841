"""SPL token accounts and mints as stored by the two token programs, SPL Token and Token-2022."""

from __future__ import annotations

from typing import Final

from solders.token.state import Mint, TokenAccount

from psyche_cli.limits import MINT_BYTES, TOKEN_ACCOUNT_BYTES, TOKEN_MULTISIG_BYTES
from psyche_cli.solana.programs import TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from psyche_cli.solana.raw_account import AccountContent

TOKEN_PROGRAMS: Final = frozenset({TOKEN_PROGRAM, TOKEN_2022_PROGRAM})
_MINT_TYPE: Final = 1
_TOKEN_ACCOUNT_TYPE: Final = 2
"""The account type byte that follows the base layout in a Token-2022 account with extensions."""


def token_account_of(account: AccountContent) -> TokenAccount | None:
    """``account`` as an SPL token account (165 bytes, or more with Token-2022 extensions); None if it is not one.

    As in the token program, an uninitialized or malformed account is not one.
    """
    content = _token_content(account, TOKEN_ACCOUNT_BYTES, _TOKEN_ACCOUNT_TYPE)
    try:
        return None if content is None else TokenAccount.from_bytes(content)
    except ValueError:
        return None


def mint_of(account: AccountContent) -> Mint | None:
    """``account`` as an SPL mint (82 bytes, or more with Token-2022 extensions); None if it is not one."""
    content = _token_content(account, MINT_BYTES, _MINT_TYPE)
    try:
        return None if content is None else Mint.from_bytes(content)
    except ValueError:
        return None


def _token_content(account: AccountContent, size: int, account_type: int) -> bytes | None:
    """The base layout (``size`` bytes) of a token program's account, with or without extensions; None for others.

    Extensions follow the size of a token account, up to which a mint is filled with zeros, and the account type.
    """
    if account.owner not in TOKEN_PROGRAMS:
        return None
    data = account.data
    if len(data) == size:
        return data
    if len(data) <= TOKEN_ACCOUNT_BYTES or len(data) == TOKEN_MULTISIG_BYTES:
        return None
    is_padded = not any(data[size:TOKEN_ACCOUNT_BYTES])
    return data[:size] if is_padded and data[TOKEN_ACCOUNT_BYTES] == account_type else None
