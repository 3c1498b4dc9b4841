"""Control methods, which no real cluster has: advance time, set accounts, take and restore snapshots, status, stop."""

from __future__ import annotations

import os
from typing import Final

from psyche_cli import __version__
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.known_addresses import GENESIS_ADDRESSES
from psyche_cli.localnet.chain.vm_accounts import AccountRefused
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.account_from_json import account_from_json
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.params import Params
from psyche_cli.solana.programs import UPGRADEABLE_LOADER
from psyche_cli.solana.rpc.codes import INVALID_REQUEST

MAX_WARP_SECONDS: Final = 100 * 365 * 86400
MAX_WARP_SLOTS: Final = 10**10
MAX_SNAPSHOTS: Final = 32


def _warp_slots(context: RpcContext, params: Params) -> Json:
    """``[slots]``: advance the slot without advancing the clock."""
    context.bank.warp_slots(params.unsigned(0, most=MAX_WARP_SLOTS))
    return _moved(context)


def _warp_seconds(context: RpcContext, params: Params) -> Json:
    """``[seconds]``: advance the clock, and the slot by as many slots as fit into this time, at least one."""
    context.bank.warp_seconds(params.unsigned(0, most=MAX_WARP_SECONDS))
    return _moved(context)


def _moved(context: RpcContext) -> Json:
    tip = context.bank.chain.tip
    return {"slot": tip.slot, "blockHeight": tip.height, "unixTimestamp": tip.unix_time}


def _set_account(context: RpcContext, params: Params) -> Json:
    """``[address, account]``: set an account, in the form of getAccountInfo (not jsonParsed); 0 lamports remove it."""
    address, account = params.pubkey(0), account_from_json(params.required(1))
    try:
        context.bank.set_account(address, account)
    except AccountRefused as error:
        raise invalid_params(f"Invalid params: cannot set account {address}: {error}.") from error
    return None


def _reset(context: RpcContext, params: Params) -> Json:
    """``[]``: return to the genesis state; snapshots are kept."""
    params.config(0)
    context.bank.restore(context.bank.at_genesis)
    return None


def _take_snapshot(context: RpcContext, params: Params) -> Json:
    """``[]``: take a snapshot of accounts, history and warped time; returns its number."""
    params.config(0)
    if len(context.snapshots) >= MAX_SNAPSHOTS:
        raise invalid_params(f"Too many snapshots; max {MAX_SNAPSHOTS}. Drop one with localnet_dropSnapshot.")
    context.snapshots_taken += 1
    context.snapshots[context.snapshots_taken] = context.bank.save()
    return context.snapshots_taken


def _restore_snapshot(context: RpcContext, params: Params) -> Json:
    """``[number]``: restore a snapshot, which is kept."""
    context.bank.restore(context.snapshots[_known_snapshot(context, params)])
    return None


def _drop_snapshot(context: RpcContext, params: Params) -> Json:
    """``[number]``: delete a snapshot."""
    context.bank.drop(context.snapshots.pop(_known_snapshot(context, params)))
    return None


def _known_snapshot(context: RpcContext, params: Params) -> int:
    number = params.unsigned(0)
    if number not in context.snapshots:
        raise invalid_params(f"Snapshot {number} does not exist.")
    return number


def _status(context: RpcContext, params: Params) -> Json:
    """``[]``: the process, its chain and the programs that were deployed there.

    ``problem`` is why no transaction can be executed, or null.
    """
    params.config(0)
    bank = context.bank
    deployed = [
        address
        for address in bank.accounts.index.owned_by(UPGRADEABLE_LOADER)
        if address not in GENESIS_ADDRESSES
        and (account := bank.accounts.get(address)) is not None
        and account.executable
    ]
    return {
        "version": __version__,
        "pid": os.getpid(),
        **_moved(context),
        "transactionCount": bank.history.total,
        "slotSeconds": bank.timekeeper.slot_seconds,
        "ledger": None if context.ledger is None else str(context.ledger.absolute()),
        "problem": bank.journal.problem,
        "programs": sorted(map(str, deployed)),
    }


def _stop(context: RpcContext, params: Params) -> Json:
    """``[]``: stop the validator after this request."""
    params.config(0)
    if context.stop is None:
        raise RpcFault(INVALID_REQUEST, "This validator is a part of another process, which stops it.")
    context.stop()
    return None


METHODS: Final[MethodTable] = {
    "localnet_warpSlots": _warp_slots,
    "localnet_warpSeconds": _warp_seconds,
    "localnet_setAccount": _set_account,
    "localnet_reset": _reset,
    "localnet_takeSnapshot": _take_snapshot,
    "localnet_restoreSnapshot": _restore_snapshot,
    "localnet_dropSnapshot": _drop_snapshot,
    "localnet_status": _status,
    "localnet_stop": _stop,
}
