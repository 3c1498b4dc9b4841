"""SPL token accounts and mints as stored by the two token programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount

from psyche_cli.json_values import Json
from psyche_cli.limits import MINT_BYTES, TOKEN_ACCOUNT_BYTES
from psyche_cli.solana.programs import TOKEN_2022_PROGRAM, TOKEN_PROGRAM

TOKEN_PROGRAMS: Final = frozenset({TOKEN_PROGRAM, TOKEN_2022_PROGRAM})
_MINT_TYPE: Final = 1
_TOKEN_ACCOUNT_TYPE: Final = 2
"""The account type byte that follows the base layout in a Token-2022 account with extensions."""

DecimalsOf = Callable[[Pubkey], "int | None"]
"""The decimals of a mint, or None if it does not exist."""


def token_amount(amount: int, decimals: int) -> Json:
    """An amount of base units in the four forms of the RPC interface."""
    digits = str(amount).rjust(decimals + 1, "0")
    text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".") if decimals else digits
    return {"amount": str(amount), "decimals": decimals, "uiAmount": float(text), "uiAmountString": text}


def token_account_of(account: Account) -> TokenAccount | None:
    """``account`` as an SPL token account (165 bytes, or more with Token-2022 extensions); None if it is not one.

    As in the token program, an uninitialized or malformed account is not one.
    """
    content = _token_content(account, TOKEN_ACCOUNT_BYTES, _TOKEN_ACCOUNT_TYPE)
    try:
        return None if content is None else TokenAccount.from_bytes(content)
    except ValueError:
        return None


def mint_of(account: Account) -> Mint | None:
    """``account`` as an SPL mint (82 bytes, or more with Token-2022 extensions); None if it is not one."""
    content = _token_content(account, MINT_BYTES, _MINT_TYPE)
    try:
        return None if content is None else Mint.from_bytes(content)
    except ValueError:
        return None


def _token_content(account: Account, size: int, account_type: int) -> bytes | None:
    """The base layout (``size`` bytes) of a token program's account, with or without extensions; None for others."""
    if account.owner not in TOKEN_PROGRAMS:
        return None
    data = account.data
    if len(data) == size or (len(data) > TOKEN_ACCOUNT_BYTES and data[TOKEN_ACCOUNT_BYTES] == account_type):
        return data[:size]
    return None
