"""Whole transactions from the ledger, with their effects on balances."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli import base58
from psyche_cli.errors import InvalidTransaction, Json
from psyche_cli.solana.messages import DecodedMessage, MessageInstruction, decode_message
from psyche_cli.solana.money import MoneyEffects, effects_of_meta
from psyche_cli.solana.rpc.answers import as_list, as_logs, as_object, as_text, as_u64, landed_fields

if TYPE_CHECKING:
    from psyche_cli.solana.rpc.client import RpcClient


_PER_BATCH: Final = 20
_MAX_INNER_TEXT: Final = 14_000
"""Characters of base58 for the 10 KiB of data that a program can pass to another one."""


class InnerCall(NamedTuple):
    """An instruction that a program called.

    ``outer`` is the index of the instruction of the message that led to it. ``height`` is the depth of the call: 2 if
    that instruction called it itself; None if the endpoint did not report it. ``program`` and ``accounts`` are indexes
    into the transaction's accounts.
    """

    outer: int
    height: int | None
    program: int
    accounts: bytes
    data: bytes


class LedgerTransaction(NamedTuple):
    """A transaction in the ledger, with the addresses from lookup tables.

    ``block_time`` is in seconds since 1970, None if unknown. ``err`` is None or the transaction error in its JSON-RPC
    form. ``fee`` is in lamports; ``units`` are the consumed compute units, None if unknown. ``inner`` are the
    instructions that programs called, in the order of execution.
    """

    message: DecodedMessage
    slot: int
    block_time: int | None
    err: Json
    logs: tuple[str, ...]
    fee: int
    units: int | None
    effects: MoneyEffects
    inner: tuple[InnerCall, ...] = ()

    @property
    def executed(self) -> tuple[MessageInstruction, ...]:
        """All instructions in the order of execution, including those that programs called."""
        calls = []
        for index, call in enumerate(self.message.calls):
            calls += [call, *(one[2:] for one in self.inner if one.outer == index)]
        return self.message._replace(calls=tuple(calls)).instructions


def ledger_transaction(rpc: RpcClient, signature: Signature) -> LedgerTransaction | None:
    """A transaction, or None if the ledger of the node does not (yet) contain it. Raises NetworkError."""
    return rpc.call("getTransaction", _params(rpc, signature), read_ledger_transaction)


def ledger_transactions(rpc: RpcClient, signatures: Sequence[Signature]) -> list[LedgerTransaction | None]:
    """Like ``ledger_transaction`` for each signature, 20 per round trip if possible."""
    found: list[LedgerTransaction | None] = []
    for start in range(0, len(signatures), _PER_BATCH):
        chunk = signatures[start : start + _PER_BATCH]
        found += _in_one_batch(rpc, chunk) or [ledger_transaction(rpc, signature) for signature in chunk]
    return found


def _in_one_batch(rpc: RpcClient, signatures: Sequence[Signature]) -> list[LedgerTransaction | None] | None:
    """The transactions, or None if the batch failed. They are then requested one by one, with their own errors."""
    requests = [("getTransaction", _params(rpc, signature)) for signature in signatures]
    results = rpc.try_together(*requests) if len(requests) > 1 else None
    with suppress(ValueError):
        return None if results is None else [read_ledger_transaction(result) for result in results]
    return None


def _params(rpc: RpcClient, signature: Signature) -> list[Json]:
    options: Json = {"commitment": rpc.ledger_commitment, "encoding": "base64", "maxSupportedTransactionVersion": 0}
    return [str(signature), options]


def read_ledger_transaction(value: Json) -> LedgerTransaction | None:
    """The result of getTransaction in base64; None for null. Raises ValueError."""
    if value is None:
        return None
    fields, meta = landed_fields(value)
    message = read_message(fields.get("transaction"), meta.get("loadedAddresses"))
    addresses = [account.address for account in message.accounts if account.address is not None]
    block_time, units = fields.get("blockTime"), meta.get("computeUnitsConsumed")
    return LedgerTransaction(
        message=message,
        slot=as_u64(fields.get("slot")),
        block_time=None if block_time is None else as_u64(block_time),
        err=meta["err"],
        logs=as_logs(meta.get("logMessages")),
        fee=as_u64(meta.get("fee")),
        units=None if units is None else as_u64(units),
        effects=effects_of_meta(meta, addresses),
        inner=read_inner_calls(meta.get("innerInstructions"), len(addresses)),
    )


def read_inner_calls(value: Json, accounts: int) -> tuple[InnerCall, ...]:
    """The calls in the ``innerInstructions`` of a meta, which has this number of ``accounts``. Raises ValueError."""
    found = []
    for entry in map(as_object, as_list([] if value is None else value)):
        outer = as_u64(entry.get("index"))
        for fields in map(as_object, as_list(entry.get("instructions"))):
            program, *others = [as_u64(one) for one in (fields.get("programIdIndex"), *as_list(fields.get("accounts")))]
            if max(program, *others, 0) >= accounts:
                raise ValueError("an instruction names an account that the transaction does not have")
            data = as_text(fields.get("data"))
            if len(data) > _MAX_INNER_TEXT:
                raise ValueError("an instruction is too long")
            height = fields.get("stackHeight")
            called = (program, bytes(others), base58.decode(data))
            found.append(InnerCall(outer, None if height is None else as_u64(height), *called))
    return tuple(found)


def read_message(transaction: Json, loaded: Json) -> DecodedMessage:
    """The message of a transaction in base64, with the ``loadedAddresses`` of a meta. Raises ValueError."""
    data = base64.b64decode(as_text(next(iter(as_list(transaction)), None)), validate=True)
    try:
        message = decode_message(data)
    except InvalidTransaction as error:
        raise ValueError("the transaction cannot be decoded") from error
    if not message.lookups:
        return message
    found = as_object(loaded)
    return message.with_loaded(_addresses(found.get("writable")), _addresses(found.get("readonly")))


def _addresses(value: Json) -> Sequence[Pubkey]:
    return [Pubkey.from_string(as_text(one)) for one in as_list(value)]
