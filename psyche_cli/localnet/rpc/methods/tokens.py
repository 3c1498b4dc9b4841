"""RPC methods about SPL tokens."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import Mint, TokenAccount

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.fault import invalid_params
from psyche_cli.localnet.rpc.params import Params, pubkey_of
from psyche_cli.localnet.rpc.scan import list_of_all, value_of_all
from psyche_cli.solana.token_state import TOKEN_PROGRAMS, mint_of, token_account_of

_MAX_LARGEST: Final = 20

if TYPE_CHECKING:
    from psyche_cli.localnet.rpc.encoding.parsed.token_units import TokenUnits


def _mint(context: RpcContext, address: Pubkey) -> tuple[Pubkey, Mint, TokenUnits]:
    """The token program of a mint, the mint, and how its amounts are shown."""
    # The parser of extensions is imported when it is needed: the validator starts without it.
    from psyche_cli.localnet.rpc.encoding.parsed.token_units import units_in

    account = context.bank.accounts.get(address)
    if account is None:
        raise invalid_params("Invalid param: could not find mint")
    mint = mint_of(account)
    if mint is None:
        raise invalid_params("Invalid param: Token mint could not be unpacked")
    return account.owner, mint, units_in(account, mint, context.bank.accounts.get)


def _get_token_account_balance(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    account = context.bank.accounts.get(address)
    if account is None:
        raise invalid_params("Invalid param: could not find account")
    token_account = token_account_of(account)
    if token_account is None:
        raise invalid_params("Invalid param: not a Token account")
    _, _, units = _mint(context, token_account.mint)
    return context.with_context(units.amount(token_account.amount))


def _get_token_supply(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    account = context.bank.accounts.get(address)
    if account is None:
        raise invalid_params("Invalid param: could not find account")
    if account.owner not in TOKEN_PROGRAMS:
        raise invalid_params("Invalid param: not a Token mint")
    if mint_of(account) is None:
        raise invalid_params("Invalid param: mint could not be unpacked")
    _, mint, units = _mint(context, address)
    return context.with_context(units.amount(mint.supply))


def _get_token_largest_accounts(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    program, _, units = _mint(context, address)

    def amount_of(holder: Pubkey) -> int | None:
        found = _token_account(context, holder, program)
        return None if found is None or found[1].mint != address else found[1].amount

    def largest(amounts: dict[Pubkey, int]) -> Json:
        found = heapq.nlargest(_MAX_LARGEST, ((amount, bytes(holder)) for holder, amount in amounts.items()))
        return [{"address": str(Pubkey(holder)), **units.amount(amount)} for amount, holder in found]

    return value_of_all(context, context.bank.accounts.index.owned_by(program), amount_of, largest)


def _token_account(context: RpcContext, address: Pubkey, program: Pubkey) -> tuple[Account, TokenAccount] | None:
    """The token account of a token program at this address; None if there is none."""
    account = context.bank.accounts.get(address)
    if account is None or account.owner != program:
        return None
    token_account = token_account_of(account)
    return None if token_account is None else (account, token_account)


def _selected(context: RpcContext, params: Params, party_of: Callable[[TokenAccount], Pubkey | None]) -> Json:
    """Token accounts of an owner or delegate, filtered by ``{"mint"}`` or ``{"programId"}``."""
    party, ((selected_by, text),), config = params.pubkey(0), params.required(1).items(), params.config(2)
    selected = pubkey_of(text)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    mint: Pubkey | None = None
    if selected_by == "mint":
        mint = selected
        program, _, _ = _mint(context, mint)
    else:
        program = selected
        if program not in TOKEN_PROGRAMS:
            raise invalid_params("Invalid param: unrecognized Token program id")

    def read(address: Pubkey) -> Json:
        found = _token_account(context, address, program)
        if found is None or party_of(found[1]) != party or (mint is not None and found[1].mint != mint):
            return None
        return view.keyed(address, found[0], context.bank.accounts.get)

    return list_of_all(context, context.bank.accounts.index.owned_by(program), read)


def _get_token_accounts_by_owner(context: RpcContext, params: Params) -> Json:
    return _selected(context, params, lambda account: account.owner)


def _get_token_accounts_by_delegate(context: RpcContext, params: Params) -> Json:
    return _selected(context, params, lambda account: account.delegate)


METHODS: Final[MethodTable] = {
    "getTokenAccountBalance": _get_token_account_balance,
    "getTokenSupply": _get_token_supply,
    "getTokenLargestAccounts": _get_token_largest_accounts,
    "getTokenAccountsByOwner": _get_token_accounts_by_owner,
    "getTokenAccountsByDelegate": _get_token_accounts_by_delegate,
}
