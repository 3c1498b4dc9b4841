"""RPC methods that query the history: transactions, signatures, blocks."""

from __future__ import annotations

from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.rpc.context import MethodTable, RpcContext
from psyche_cli.localnet.rpc.encoding.transaction_view import (
    ENCODINGS,
    accounts_view,
    memo_of,
    status_of,
    transaction_view,
)
from psyche_cli.localnet.rpc.fault import RpcFault, invalid_params
from psyche_cli.localnet.rpc.params import Params, signature_of
from psyche_cli.solana.rpc.codes import BLOCK_CLEANED_UP, BLOCK_NOT_AVAILABLE, SLOT_SKIPPED

_MAX_STATUSES: Final = 256
_MAX_SIGNATURES: Final = 1000
_MAX_BLOCKS: Final = 500_000


def _get_signature_statuses(context: RpcContext, params: Params) -> Json:
    texts = params.items(0)
    params.config(1)
    if len(texts) > _MAX_STATUSES:
        raise invalid_params(f"Too many inputs provided; max {_MAX_STATUSES}")
    signatures = [signature_of(text) for text in texts]
    return context.with_context([_status(context.bank.history.find(signature)) for signature in signatures])


def _status(record: TransactionRecord | None) -> Json:
    if record is None:
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
    encoding = config.choice("encoding", ENCODINGS, default="json")
    max_version = config.unsigned("maxSupportedTransactionVersion", most=255)
    record = context.bank.history.find(signature)
    if record is None:
        return None
    return {
        "slot": record.slot,
        "blockTime": record.unix_time,
        **transaction_view(record, encoding, max_version),
    }


def _get_signatures_for_address(context: RpcContext, params: Params) -> Json:
    address, config = params.pubkey(0), params.config(1)
    config.require_confirmed()
    config.require_slot(context.bank.slot)
    limit = config.unsigned("limit")
    if limit is None:
        limit = _MAX_SIGNATURES
    if not 0 < limit <= _MAX_SIGNATURES:
        raise invalid_params(f"Invalid limit; max {_MAX_SIGNATURES}")
    before = None if config.raw("before") is None else signature_of(config.raw("before"))
    until = None if config.raw("until") is None else signature_of(config.raw("until"))
    found: list[Json] = []
    passed = before is None
    for record in context.bank.history.of_address(address):
        if record.signature == until or len(found) == limit:
            break
        if passed:
            found.append(
                {
                    "signature": str(record.signature),
                    "slot": record.slot,
                    "err": record.error,
                    "memo": memo_of(record),
                    "blockTime": record.unix_time,
                    "confirmationStatus": "finalized",
                }
            )
        passed = passed or record.signature == before
    return found


def _block(context: RpcContext, slot: int) -> Block:
    chain, first = context.bank.chain, context.bank.first_available_slot
    if slot > chain.tip.slot:
        raise RpcFault(BLOCK_NOT_AVAILABLE, f"Block not available for slot {slot}")
    if slot < first:
        raise RpcFault(
            BLOCK_CLEANED_UP, f"Block {slot} cleaned up, does not exist on node. First available block: {first}"
        )
    block = chain.block(slot)
    if block is None:
        raise RpcFault(SLOT_SKIPPED, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot")
    return block


def _get_block(context: RpcContext, params: Params) -> Json:
    slot, config = params.unsigned(0), params.config_or_encoding(1)
    config.require_confirmed()
    block = _block(context, slot)
    encoding = config.choice("encoding", ENCODINGS, default="json")
    details = config.choice("transactionDetails", ("full", "accounts", "signatures", "none"), default="full")
    max_version = config.unsigned("maxSupportedTransactionVersion", most=255)
    records = context.bank.history.of_slot(slot)
    answer: dict[str, Json] = {
        "blockhash": str(block.blockhash),
        "previousBlockhash": str(block.previous_blockhash),
        "parentSlot": block.parent_slot,
        "blockTime": block.unix_time,
        "blockHeight": block.height,
    }
    if details == "full":
        answer["transactions"] = [transaction_view(record, encoding, max_version) for record in records]
    elif details == "accounts":
        answer["transactions"] = [accounts_view(record, max_version) for record in records]
    elif details == "signatures":
        answer["signatures"] = [str(record.signature) for record in records]
    if config.flag("rewards", default=True):
        answer["rewards"] = []
    return answer


def _get_blocks(context: RpcContext, params: Params) -> Json:
    first = params.unsigned(0)
    last = params.raw(1)
    # The second parameter is the last slot or, if that is omitted, the options object.
    if isinstance(last, dict):
        last, config = None, params.config(1)
    else:
        config = params.config(2)
    config.require_confirmed()
    config.require_slot(context.bank.slot)
    end = min(first + _MAX_BLOCKS if last is None else params.unsigned(1), context.bank.slot)
    if end - first > _MAX_BLOCKS:
        raise invalid_params(f"Slot range too large; max {_MAX_BLOCKS}")
    return context.bank.chain.slots(first, end)


def _get_blocks_with_limit(context: RpcContext, params: Params) -> Json:
    first, limit = params.unsigned(0), params.unsigned(1)
    params.config(2).require_confirmed()
    if limit > _MAX_BLOCKS:
        raise invalid_params(f"Limit too large; max {_MAX_BLOCKS}")
    return context.bank.chain.slots(first, context.bank.slot)[:limit]


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
