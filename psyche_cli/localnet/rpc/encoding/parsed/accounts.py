"""The ``jsonParsed`` form of accounts, for the programs whose accounts a validator parses."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final, NamedTuple, TypeAlias

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.solana.programs import (
    CONFIG_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    STAKE_PROGRAM,
    SYSTEM_PROGRAM,
    SYSVAR_OWNER,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
    VOTE_PROGRAM,
)

AccountOf: TypeAlias = Callable[[Pubkey], "Account | None"]
"""Reads an account of the chain: parsing a token account also takes its mint, and at times the clock."""


class ChainAccount(NamedTuple):
    """An account with its address, and the chain that it is part of."""

    address: Pubkey
    account: Account
    account_of: AccountOf


_PARSERS: Final = {
    SYSTEM_PROGRAM: ("nonce", "nonce_accounts"),
    TOKEN_PROGRAM: ("spl-token", "token_accounts"),
    TOKEN_2022_PROGRAM: ("spl-token-2022", "token_accounts"),
    UPGRADEABLE_LOADER: ("bpf-upgradeable-loader", "loader_accounts"),
    LOOKUP_TABLE_PROGRAM: ("address-lookup-table", "lookup_table_accounts"),
    STAKE_PROGRAM: ("stake", "stake_accounts"),
    VOTE_PROGRAM: ("vote", "vote_accounts"),
    CONFIG_PROGRAM: ("config", "config_accounts"),
    SYSVAR_OWNER: ("sysvar", "sysvars"),
}
"""By owner: a validator's name for the program, and the module here that parses its accounts.

The module has a function ``parse`` of a ``ChainAccount``, which raises ValueError for one that has no parsed form. It
is imported when the first of its accounts is read, so that the validator does not start with it.
"""


def parsed_account(address: Pubkey, account: Account, account_of: AccountOf) -> Json | None:
    """``{"program", "parsed", "space"}``, or None if the account has no ``jsonParsed`` form."""
    if account.owner not in _PARSERS:
        return None
    size = len(account.data)
    if size == 0:
        return None
    program, module = _PARSERS[account.owner]
    try:
        content = import_module(f"{__package__}.{module}").parse(ChainAccount(address, account, account_of))
    except ValueError:
        return None
    return {"program": program, "parsed": content, "space": size}
