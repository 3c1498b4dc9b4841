"""RPC methods that read accounts."""

from __future__ import annotations

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
    accounts = [(address, account_of(address)) for address in map(pubkey_of, addresses)]
    return context.with_context(
        [None if account is None else view.account(address, account, account_of) for address, account in accounts]
    )


def _get_program_accounts(context: RpcContext, params: Params) -> Json:
    program, config = params.pubkey(0), params.config(1)
    config.require_slot(context.bank.slot)
    view = AccountView.of(config, default="binary")
    tests = account_filters(config)
    found = []
    addresses = context.bank.accounts.index.owned_by(program)
    for address in sorted(addresses, key=bytes) if config.flag("sortResults", default=True) else addresses:
        account = context.bank.accounts.get(address)
        if account is not None and all(test(account) for test in tests):
            found.append(view.keyed(address, account, context.bank.accounts.get))
    return context.with_context(found) if config.flag("withContext") else found


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
    balances = sorted(((bank.accounts.balance(address), bytes(address)) for address in addresses), reverse=True)
    return context.with_context(
        [{"lamports": lamports, "address": str(Pubkey(address))} for lamports, address in balances[:_MAX_LARGEST]]
    )


def _get_supply(context: RpcContext, _params: Params) -> Json:
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
