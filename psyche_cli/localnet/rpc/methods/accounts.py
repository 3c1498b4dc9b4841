"""RPC methods that read accounts."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.localnet.rpc.base_decoding import Undecodable, decode_base58, decode_base64
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.accounts import AccountView
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.params import Config, Params, pubkey_of
from psyche_cli.localnet.rpc.scan import list_of_all, list_of_each, value_of_all
from psyche_cli.solana.rpc.codes import INVALID_REQUEST
from psyche_cli.solana.token_state import token_account_of

_MAX_ACCOUNTS: Final = 100
_MAX_FILTERS: Final = 4
_MAX_LARGEST: Final = 20
_MAX_MEMCMP_BYTES: Final = 128
_MAX_MEMCMP_BASE58: Final = 175
_MAX_MEMCMP_BASE64: Final = 172
AccountTest = Callable[[Account], bool]


def _get_account_info(context: RpcContext, params: Params) -> Json:
    address, config = params.pubkey(0), params.config(1)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    account = context.bank.accounts.get(address)
    return context.with_context(None if account is None else view.account(address, account, context.bank.accounts.get))


def _get_multiple_accounts(context: RpcContext, params: Params) -> Json:
    addresses, config = params.items(0), params.config(1)
    if len(addresses) > _MAX_ACCOUNTS:
        raise invalid_params(f"Too many inputs provided; max {_MAX_ACCOUNTS}")
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="base64")
    account_of = context.bank.accounts.get

    def read(address: Pubkey) -> Json:
        account = account_of(address)
        return None if account is None else view.account(address, account, account_of)

    return list_of_each(context, [pubkey_of(address) for address in addresses], read)


def _get_program_accounts(context: RpcContext, params: Params) -> Json:
    program, config = params.pubkey(0), params.config(1)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    tests = account_filters(config)
    accounts = context.bank.accounts

    def read(address: Pubkey) -> Json:
        account = accounts.get(address)
        if account is None or accounts.index.owner_of(address) != program or not all(test(account) for test in tests):
            return None
        return view.keyed(address, account, accounts.get)

    sort, with_context = config.flag("sortResults", default=True), config.flag("withContext")
    return list_of_all(context, accounts.index.owned_by(program), read, sort=sort, with_context=with_context)


def account_filters(config: Config) -> list[AccountTest]:
    """The predicates for the ``filters`` option, which the method's signature has read. Raises RpcFault."""
    filters = config.items("filters")
    if len(filters) > _MAX_FILTERS:
        raise invalid_params(f"Too many filters provided; max {_MAX_FILTERS}")
    return [_filter(item) for item in filters]


def _filter(item: Json) -> AccountTest:
    if item == "tokenAccountState":
        return lambda account: token_account_of(account) is not None
    ((name, content),) = item.items()
    if name == "dataSize":
        return lambda account: len(account.data) == content
    offset, wanted = content["offset"], _memcmp_bytes(content["bytes"], content["encoding"])
    return lambda account: account.data[offset : offset + len(wanted)] == wanted


def _memcmp_bytes(content: str | list[int], encoding: str | None) -> bytes:
    if isinstance(content, list):
        wanted = bytes(content)
    elif encoding == "bytes":
        raise invalid_params("Invalid param: expected a list of bytes")
    elif len(content) > (_MAX_MEMCMP_BASE64 if encoding == "base64" else _MAX_MEMCMP_BASE58):
        raise invalid_params("Invalid param: DataTooLarge")
    else:
        try:
            wanted = decode_base64(content) if encoding == "base64" else decode_base58(content)
        except Undecodable as error:
            kind = "Base64" if encoding == "base64" else "Base58"
            raise invalid_params(f"Invalid param: {kind}DecodeError({error})") from error
    if len(wanted) > _MAX_MEMCMP_BYTES:
        raise invalid_params("Invalid param: DataTooLarge")
    return wanted


def _get_balance(context: RpcContext, params: Params) -> Json:
    address = params.pubkey(0)
    params.config(1).require_slot(context.bank.slot)
    return context.with_context(context.bank.accounts.balance(address))


def _get_rent_exempt_minimum(context: RpcContext, params: Params) -> Json:
    size = params.unsigned(0)
    if size > MAX_ACCOUNT_BYTES:
        raise RpcFault(INVALID_REQUEST, "Invalid request")
    return context.bank.accounts.rent_exempt_minimum(size)


def _get_largest_accounts(context: RpcContext, params: Params) -> Json:
    bank, wanted = context.bank, params.config(0).raw("filter")
    addresses = [] if wanted == "nonCirculating" else bank.accounts.index.addresses()

    def largest(balances: dict[Pubkey, int]) -> Json:
        found = heapq.nlargest(_MAX_LARGEST, ((lamports, bytes(address)) for address, lamports in balances.items()))
        return [{"lamports": lamports, "address": str(Pubkey(address))} for lamports, address in found]

    return value_of_all(
        context,
        addresses,
        lambda address: None if wanted == "nonCirculating" else bank.accounts.balance(address),
        largest,
    )


def _get_supply(context: RpcContext, _params: Params) -> Json:
    def supply(balances: dict[Pubkey, int]) -> Json:
        total = sum(balances.values())
        return {"total": total, "circulating": total, "nonCirculating": 0, "nonCirculatingAccounts": []}

    accounts = context.bank.accounts
    return value_of_all(context, accounts.index.addresses(), accounts.balance, supply)


METHODS: Final[MethodTable] = {
    "getAccountInfo": _get_account_info,
    "getMultipleAccounts": _get_multiple_accounts,
    "getProgramAccounts": _get_program_accounts,
    "getBalance": _get_balance,
    "getMinimumBalanceForRentExemption": _get_rent_exempt_minimum,
    "getLargestAccounts": _get_largest_accounts,
    "getSupply": _get_supply,
}
