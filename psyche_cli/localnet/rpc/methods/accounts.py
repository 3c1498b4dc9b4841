"""RPC methods that read accounts."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from solders.account import Account

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.fault import invalid_params
from psyche_cli.localnet.rpc.params import Config, Params, pubkey_of
from psyche_cli.solana.token_state import token_account_of

_MAX_ACCOUNTS: Final = 100
_MAX_FILTERS: Final = 4
_MAX_MEMCMP_BYTES: Final = 128
AccountTest = Callable[[Account], bool]


def _get_account_info(context: RpcContext, params: Params) -> Json:
    address, config = params.pubkey(0), params.config(1)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    account = context.bank.accounts.get(address)
    return context.with_context(None if account is None else view.account(account, context.bank.accounts.mint_decimals))


def _get_multiple_accounts(context: RpcContext, params: Params) -> Json:
    addresses, config = params.items(0), params.config(1)
    if len(addresses) > _MAX_ACCOUNTS:
        raise invalid_params(f"Too many inputs provided; max {_MAX_ACCOUNTS}")
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="base64")
    accounts = [context.bank.accounts.get(pubkey_of(address)) for address in addresses]
    return context.with_context(
        [
            None if account is None else view.account(account, context.bank.accounts.mint_decimals)
            for account in accounts
        ]
    )


def _get_program_accounts(context: RpcContext, params: Params) -> Json:
    program, config = params.pubkey(0), params.config(1)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    tests = account_filters(config)
    found = []
    for address in context.bank.accounts.index.owned_by(program):
        account = context.bank.accounts.get(address)
        if account is not None and all(test(account) for test in tests):
            found.append(view.keyed(address, account, context.bank.accounts.mint_decimals))
    return context.with_context(found) if config.flag("withContext") else found


def account_filters(config: Config) -> list[AccountTest]:
    """The predicates for the ``filters`` option. Raises RpcFault."""
    filters = config.items("filters")
    if len(filters) > _MAX_FILTERS:
        raise invalid_params(f"Too many filters provided; max {_MAX_FILTERS}")
    return [_filter(item) for item in filters]


def _filter(item: Json) -> AccountTest:
    if item == "tokenAccountState":
        return lambda account: token_account_of(account) is not None
    options = Config(item)
    size = options.unsigned("dataSize")
    if size is not None:
        return lambda account: len(account.data) == size
    memcmp = options.config("memcmp")
    if memcmp is None:
        raise invalid_params("Invalid params: unknown filter, expected `dataSize`, `memcmp` or `tokenAccountState`.")
    offset = memcmp.unsigned("offset") or 0
    wanted = _memcmp_bytes(memcmp)
    return lambda account: account.data[offset : offset + len(wanted)] == wanted


def _memcmp_bytes(memcmp: Config) -> bytes:
    content = memcmp.raw("bytes")
    try:
        if isinstance(content, list):
            wanted = bytes(content)
        elif not isinstance(content, str):
            raise ValueError("expected text")
        elif memcmp.choice("encoding", ("base58", "base64", "binary"), default="base58") == "base64":
            wanted = base64.b64decode(content, validate=True)
        else:
            wanted = base58.decode(content)
    except (ValueError, TypeError) as error:
        raise invalid_params("Invalid param: data comparison bytes cannot be decoded") from error
    if len(wanted) > _MAX_MEMCMP_BYTES:
        raise invalid_params("Invalid param: data comparison bytes too large; max 128")
    return wanted


def _get_balance(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    params.config(1).require_slot(context.bank.slot)
    return context.with_context(context.bank.accounts.balance(address))


def _get_rent_exempt_minimum(context: RpcContext, params: Params) -> Json:
    size = params.unsigned(0)
    params.config(1)
    if size > MAX_ACCOUNT_BYTES:
        raise invalid_params(f"Invalid params: the maximum account size is {MAX_ACCOUNT_BYTES} bytes.")
    return context.bank.accounts.rent_exempt_minimum(size)


def _get_largest_accounts(context: RpcContext, params: Params) -> Json:
    params.config(0)
    bank = context.bank
    balances = sorted(
        ((bank.accounts.balance(address), address) for address in bank.accounts.index.addresses()),
        key=lambda pair: -pair[0],
    )
    return context.with_context(
        [{"lamports": lamports, "address": str(address)} for lamports, address in balances[:20]]
    )


def _get_supply(context: RpcContext, params: Params) -> Json:
    params.config(0)
    bank = context.bank
    total = sum(bank.accounts.balance(address) for address in bank.accounts.index.addresses())
    return context.with_context(
        {"total": total, "circulating": total, "nonCirculating": 0, "nonCirculatingAccounts": []}
    )


METHODS: Final[MethodTable] = {
    "getAccountInfo": _get_account_info,
    "getMultipleAccounts": _get_multiple_accounts,
    "getProgramAccounts": _get_program_accounts,
    "getBalance": _get_balance,
    "getMinimumBalanceForRentExemption": _get_rent_exempt_minimum,
    "getLargestAccounts": _get_largest_accounts,
    "getSupply": _get_supply,
}
