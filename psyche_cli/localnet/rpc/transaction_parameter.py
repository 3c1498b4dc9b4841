"""Decoding of a request's transaction or message: base58 or base64 text that encodes at most 1,232 bytes."""

from __future__ import annotations

from typing import Final

from solders.message import Message, MessageV0, from_bytes_versioned

from psyche_cli.limits import MAX_TRANSACTION_BYTES
from psyche_cli.localnet.chain.decoded_transaction import (
    TRANSACTION_TYPE,
    DecodedTransaction,
    MalformedTransaction,
    parse_transaction,
)
from psyche_cli.localnet.rpc.base_decoding import Undecodable, decode_base58, decode_base64
from psyche_cli.localnet.rpc.fault import invalid_params
from psyche_cli.localnet.rpc.params import text_of

INVALID_INDEX: Final = "index out of bounds"
"""A node's reason to refuse a message whose indexes do not fit its accounts."""

_MESSAGE_TYPE: Final = "solana_message::non_bpf_modules::versions::VersionedMessage"
_MAX_BASE58: Final = 1683
_MAX_BASE64: Final = 1644


def transaction_of(text: object, encoding: str) -> DecodedTransaction:
    """The transaction in a base58 or base64 parameter. Raises RpcFault (-32602)."""
    try:
        return parse_transaction(_decoded(text_of(text), encoding, TRANSACTION_TYPE))
    except MalformedTransaction as error:
        raise invalid_params(_as_reader(str(error))) from error


def message_of(text: object) -> Message | MessageV0:
    """The message in a base64 parameter. Raises RpcFault (-32602)."""
    raw = _decoded(text_of(text), "base64", _MESSAGE_TYPE)
    try:
        return from_bytes_versioned(raw)
    except ValueError as error:
        raise invalid_params(_as_reader(f"failed to deserialize {_MESSAGE_TYPE}: {error}")) from error


def _as_reader(message: str) -> str:
    """The message for bytes that end too early; nodes decode from a reader, which has another one than a slice."""
    return message.replace("unexpected end of file", "failed to fill whole buffer")


def _decoded(text: str, encoding: str, kind: str) -> bytes:
    limit = _MAX_BASE58 if encoding == "base58" else _MAX_BASE64
    if len(text) > limit:
        raise invalid_params(
            f"{encoding} encoded {kind} too large: {len(text)} bytes (max: encoded/raw {limit}/{MAX_TRANSACTION_BYTES})"
        )
    try:
        raw = decode_base58(text) if encoding == "base58" else decode_base64(text)
    except Undecodable as error:
        raise invalid_params(f"invalid {encoding} encoding: {error}") from error
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise invalid_params(f"decoded {kind} too large: {len(raw)} bytes (max: {MAX_TRANSACTION_BYTES} bytes)")
    return raw
