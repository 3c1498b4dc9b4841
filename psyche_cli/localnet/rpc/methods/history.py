"""RPC methods that query the history: transactions, signatures, blocks."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.blocks import BlockView
from psyche_cli.localnet.rpc.encoding.transaction_view import (
    memo_of,
    status_of,
    transaction_view,
)
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.params import Params, signature_of
from psyche_cli.localnet.rpc.steps import SlowResult
from psyche_cli.solana.rpc.codes import BLOCK_CLEANED_UP, BLOCK_NOT_AVAILABLE, SLOT_SKIPPED

_MAX_STATUSES: Final = 256
_MAX_SIGNATURES: Final = 1000
_MAX_BLOCKS: Final = 500_000
_MAX_CACHED_SLOTS: Final = 300
"""The slots whose statuses a node has at hand; those of earlier ones it only searches in the history on request."""


def _get_signature_statuses(context: RpcContext, params: Params) -> Json:
    texts, bank = params.items(0), context.bank
    oldest = 0 if params.config(1).flag("searchTransactionHistory") else bank.slot - _MAX_CACHED_SLOTS
    if len(texts) > _MAX_STATUSES:
        raise invalid_params(f"Too many inputs provided; max {_MAX_STATUSES}")
    signatures = [signature_of(text) for text in texts]
    return context.with_context([_status(bank.history.find(signature), oldest) for signature in signatures])


def _status(record: TransactionRecord | None, oldest: int) -> Json:
    """The status of a transaction of the slot ``oldest`` or a later one."""
    if record is None or record.slot < oldest:
        return None
    return {
        "slot": record.slot,
        "confirmations": None,
        "err": record.error,
        "status": status_of(record.error),
        "confirmationStatus": "finalized",
    }


def _get_transaction(context: RpcContext, params: Params) -> Json:
    signature, config = params.signature(0), params.config_or_encoding(1)
    config.require_confirmed()
    max_version = config.unsigned("maxSupportedTransactionVersion")
    record = context.bank.history.find(signature)
    if record is None:
        return None
    return {
        "slot": record.slot,
        "blockTime": record.unix_time,
        **transaction_view(record, config.text("encoding") or "json", max_version),
    }


def _get_signatures_for_address(context: RpcContext, params: Params) -> Json:
    address, config = params.pubkey(0), params.config(1)
    before = None if config.raw("before") is None else signature_of(config.raw("before"))
    until = None if config.raw("until") is None else signature_of(config.raw("until"))
    limit = config.unsigned("limit")
    if limit is None:
        limit = _MAX_SIGNATURES
    if not 0 < limit <= _MAX_SIGNATURES:
        raise invalid_params(f"Invalid limit; max {_MAX_SIGNATURES}")
    config.require_confirmed()
    config.require_slot(context.bank.slot)
    return [
        {
            "signature": summary.signature,
            "slot": summary.slot,
            "err": summary.error,
            "memo": memo_of(summary.raw),
            "blockTime": summary.unix_time,
            "confirmationStatus": "finalized",
        }
        for summary in context.bank.history.of_address(address, limit=limit, before=before, until=until)
    ]


def _block(context: RpcContext, slot: int) -> Block:
    chain, first = context.bank.chain, context.bank.first_available_slot
    if slot > chain.tip.slot:
        raise RpcFault(BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
    if slot < first:
        raise RpcFault(
            BLOCK_CLEANED_UP, f"Block {slot} cleaned up, does not exist on node. First available block: {first}"
        )
    block = context.bank.block(slot)
    if block is None:
        raise RpcFault(SLOT_SKIPPED, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot")
    return block


def _get_block(context: RpcContext, params: Params) -> Json:
    slot, config = params.unsigned(0), params.config_or_encoding(1)
    config.require_confirmed()
    block = _block(context, slot)
    if not context.bank.close_block(slot):
        raise RpcFault(BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
    view = BlockView.of(config, encoding="json", rewards=True)
    return SlowResult(view.parts(block, context.bank.history.read_slot(slot)))


def _get_blocks(context: RpcContext, params: Params) -> Json:
    first, last = params.unsigned(0), params.raw(1)
    # The second parameter is the last slot or, if that is omitted, the options object.
    config = params.config(1 if isinstance(last, dict) and params.raw(2) is None else 2)
    if isinstance(last, dict):
        last = None
    config.require_confirmed()
    config.require_slot(context.bank.slot)
    end = min(first + _MAX_BLOCKS if last is None else params.unsigned(1), context.bank.slot)
    if end - first > _MAX_BLOCKS:
        raise invalid_params(f"Slot range too large; max {_MAX_BLOCKS}")
    return context.bank.slots(first, end)


def _get_blocks_with_limit(context: RpcContext, params: Params) -> Json:
    first, limit, config = params.unsigned(0), params.unsigned(1), params.config(2)
    config.require_confirmed()
    if limit > _MAX_BLOCKS:
        raise invalid_params(f"Limit too large; max {_MAX_BLOCKS}")
    config.require_slot(context.bank.slot)
    return context.bank.slots(first, context.bank.slot)[:limit]


def _get_block_time(context: RpcContext, params: Params) -> Json:
    return _block(context, params.unsigned(0)).unix_time


METHODS: Final[MethodTable] = {
    "getSignatureStatuses": _get_signature_statuses,
    "getTransaction": _get_transaction,
    "getSignaturesForAddress": _get_signatures_for_address,
    "getBlock": _get_block,
    "getBlocks": _get_blocks,
    "getBlocksWithLimit": _get_blocks_with_limit,
    "getBlockTime": _get_block_time,
}
