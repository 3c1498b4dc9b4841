"""RPC methods about SPL tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.encoding.parsed_accounts import (
    TOKEN_PROGRAMS,
    is_mint,
    is_token_account,
    mint_decimals,
    mint_supply,
    token_amount,
    token_base_units,
    token_mint,
    token_owner,
)
from psyche_cli.localnet.rpc.fault import Json, invalid_params
from psyche_cli.localnet.rpc.params import Params, pubkey_of


def _mint(context: RpcContext, address: Pubkey) -> Account:
    account = context.bank.account(address)
    if account is None:
        raise invalid_params("Invalid param: could not find mint")
    if not is_mint(account):
        raise invalid_params("Invalid param: not a Token mint")
    return account


def _get_token_account_balance(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    params.config(1)
    account = context.bank.account(address)
    if account is None:
        raise invalid_params("Invalid param: could not find account")
    if not is_token_account(account):
        raise invalid_params("Invalid param: not a Token account")
    mint = _mint(context, token_mint(account.data))
    return context.with_context(token_amount(token_base_units(account.data), mint_decimals(mint.data)))


def _get_token_supply(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    params.config(1)
    if context.bank.account(address) is None:
        raise invalid_params("Invalid param: could not find account")
    data = _mint(context, address).data
    return context.with_context(token_amount(mint_supply(data), mint_decimals(data)))


def _get_token_largest_accounts(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    params.config(1)
    mint = _mint(context, address)
    decimals = mint_decimals(mint.data)
    holders = [
        (token_base_units(account.data), holder)
        for holder, account in _token_accounts(context, [mint.owner])
        if token_mint(account.data) == address
    ]
    holders.sort(key=lambda pair: -pair[0])
    return context.with_context(
        [{"address": str(holder), **token_amount(amount, decimals)} for amount, holder in holders[:20]]
    )


def _token_accounts(context: RpcContext, programs: list[Pubkey]) -> list[tuple[Pubkey, Account]]:
    found = []
    for program in programs:
        for address in context.bank.accounts.owned_by(program):
            account = context.bank.account(address)
            if account is not None and is_token_account(account):
                found.append((address, account))
    return found


def _selected(context: RpcContext, params: Params, belongs: Callable[[bytes, Pubkey], bool]) -> Json:
    """Token accounts by a person and by ``{"mint"}`` or ``{"programId"}``."""
    person, selection, config = params.pubkey(0), params.config(1), params.config(2)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    mint: Pubkey | None = None
    if selection.raw("mint") is not None:
        mint = pubkey_of(selection.raw("mint"))
        program = _mint(context, mint).owner
    elif selection.raw("programId") is not None:
        program = pubkey_of(selection.raw("programId"))
        if program not in TOKEN_PROGRAMS:
            raise invalid_params("Invalid param: unrecognized Token program id")
    else:
        raise invalid_params("Invalid params: expected `mint` or `programId`.")
    return context.with_context(
        [
            view.keyed(address, account, context.bank.mint_decimals)
            for address, account in _token_accounts(context, [program])
            if belongs(account.data, person) and (mint is None or token_mint(account.data) == mint)
        ]
    )


def _get_token_accounts_by_owner(context: RpcContext, params: Params) -> Json:
    return _selected(context, params, lambda data, person: token_owner(data) == person)


def _get_token_accounts_by_delegate(context: RpcContext, params: Params) -> Json:
    return _selected(context, params, lambda data, person: data[72:76] == b"\1\0\0\0" and data[76:108] == bytes(person))


METHODS: Final[MethodTable] = {
    "getTokenAccountBalance": _get_token_account_balance,
    "getTokenSupply": _get_token_supply,
    "getTokenLargestAccounts": _get_token_largest_accounts,
    "getTokenAccountsByOwner": _get_token_accounts_by_owner,
    "getTokenAccountsByDelegate": _get_token_accounts_by_delegate,
}
