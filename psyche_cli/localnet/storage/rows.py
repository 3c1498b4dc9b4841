"""The binary form of accounts, transactions and blocks in a ledger."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import fields
from typing import Final

import zstandard
from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.decoded_transaction import parse_transaction
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.recent_transactions import TransactionSummary, signature_text

_COMPRESS_FROM_BYTES: Final = 512
_LARGEST_DETAILS: Final = 64 * 1024 * 1024
_PLAIN: Final = b"\0"
_PACKED: Final = b"\1"
_COMPRESSOR: Final = zstandard.ZstdCompressor(level=1)
_DECOMPRESSOR: Final = zstandard.ZstdDecompressor()

_ACCOUNT: Final = struct.Struct("<QQ?32s")
_SUMMARY: Final = struct.Struct("<QqHB")
_BLOCK: Final = struct.Struct("<QQqQ32s32s")

_IN_SUMMARY: Final = frozenset({"signature", "raw", "slot", "unix_time", "error"})
_BY_INDEX: Final = frozenset({"keys", "changed"})
_DETAILS: Final = tuple(
    field.name for field in fields(TransactionRecord) if field.name not in _IN_SUMMARY and field.name not in _BY_INDEX
)


def summary_key(number: int) -> bytes:
    """What the checksum of a transaction's summary covers in addition."""
    return b"s" + number.to_bytes(8, "little")


def details_key(number: int) -> bytes:
    """What the checksum of a transaction's details covers in addition."""
    return b"d" + number.to_bytes(8, "little")


def block_key(slot: int, first: int) -> bytes:
    """What the checksum of a block covers in addition; ``first`` is the number of its first transaction."""
    return b"b" + slot.to_bytes(8, "little") + first.to_bytes(8, "little")


def _packed(content: bytes) -> bytes:
    if len(content) < _COMPRESS_FROM_BYTES:
        return _PLAIN + content
    return _PACKED + _COMPRESSOR.compress(content)


def _unpacked(stored: bytes, largest: int) -> bytes:
    if stored[:1] == _PACKED:
        return _DECOMPRESSOR.decompress(stored[1:], max_output_size=largest)
    return stored[1:]


def written_account(account: Account | None) -> bytes:
    """The form of an account; empty for None, that is, for the removal of one that genesis contains."""
    if account is None:
        return b""
    fixed = _ACCOUNT.pack(account.lamports, account.rent_epoch, account.executable, bytes(account.owner))
    return fixed + _packed(account.data)


def read_account(stored: bytes) -> Account | None:
    """The inverse of ``written_account``."""
    if not stored:
        return None
    lamports, rent_epoch, executable, owner = _ACCOUNT.unpack_from(stored)
    data = _unpacked(stored[_ACCOUNT.size :], MAX_ACCOUNT_BYTES)
    return Account(lamports, data, Pubkey(owner), executable, rent_epoch)


def written_summary(record: TransactionRecord) -> bytes:
    """The form of what lists of transactions show: slot, time, the transaction itself, its signature's text, error."""
    error = b"" if record.error is None else _as_json(record.error)
    text = signature_text(record.signature).encode()
    return _SUMMARY.pack(record.slot, record.unix_time, len(record.raw), len(text)) + record.raw + text + error


def read_summary(stored: bytes) -> TransactionSummary:
    """The inverse of ``written_summary``."""
    slot, unix_time, raw_bytes, text_bytes = _SUMMARY.unpack_from(stored)
    text_at = _SUMMARY.size + raw_bytes
    error_at = text_at + text_bytes
    error = json.loads(stored[error_at:]) if error_at < len(stored) else None
    return TransactionSummary(
        stored[text_at:error_at].decode(), slot, unix_time, error, stored[_SUMMARY.size : text_at]
    )


def slot_of(stored: bytes) -> int:
    """The slot in a stored summary."""
    slot: int = _SUMMARY.unpack_from(stored)[0]
    return slot


def written_details(record: TransactionRecord) -> bytes:
    """The form of the rest of an executed transaction."""
    static = len(record.keys) - record.looked_up_writable - record.looked_up_readonly
    positions = {key: index for index, key in enumerate(record.keys)}
    details: Json = [getattr(record, name) for name in _DETAILS]
    looked_up = [base64.b64encode(bytes(key)).decode() for key in record.keys[static:]]
    return _packed(_as_json([details, looked_up, [positions[key] for key in record.changed]]))


def read_record(summary: bytes, details: bytes) -> TransactionRecord:
    """The executed transaction with these stored parts."""
    _, slot, unix_time, error, raw = read_summary(summary)
    values, looked_up, changed = json.loads(_unpacked(details, _LARGEST_DETAILS))
    transaction = parse_transaction(raw)
    keys = (*transaction.static_keys, *(Pubkey(base64.b64decode(key)) for key in looked_up))
    named = dict(zip(_DETAILS, values, strict=True))
    for name in ("pre_balances", "post_balances", "logs"):
        named[name] = tuple(named[name])
    return TransactionRecord(
        **named,
        signature=transaction.signature,
        raw=raw,
        slot=slot,
        unix_time=unix_time,
        error=error,
        keys=keys,
        changed=tuple(keys[index] for index in changed),
    )


def written_block(block: Block) -> bytes:
    """The form of a block."""
    return _BLOCK.pack(
        block.slot,
        block.height,
        block.unix_time,
        block.parent_slot,
        bytes(block.blockhash),
        bytes(block.previous_blockhash),
    )


def read_block(stored: bytes) -> Block:
    """The inverse of ``written_block``."""
    slot, height, unix_time, parent_slot, blockhash, previous = _BLOCK.unpack(stored)
    return Block(slot, height, parent_slot, Hash(blockhash), Hash(previous), unix_time)


def _as_json(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
