"""Decoding of a request's transaction parameter: base58 or base64 text that encodes at most 1,232 bytes."""

from __future__ import annotations

from typing import Final

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

_MAX_BASE58: Final = 1683
_MAX_BASE64: Final = 1644


def transaction_of(text: object, encoding: str) -> DecodedTransaction:
    """The transaction in a base58 or base64 parameter. Raises RpcFault (-32602)."""
    try:
        return parse_transaction(_decoded(text_of(text), encoding))
    except MalformedTransaction as error:
        raise invalid_params(str(error)) from error


def _decoded(text: str, encoding: str) -> bytes:
    limit = _MAX_BASE58 if encoding == "base58" else _MAX_BASE64
    if len(text) > limit:
        raise invalid_params(
            f"{encoding} encoded {TRANSACTION_TYPE} too large: {len(text)} bytes "
            f"(max: encoded/raw {limit}/{MAX_TRANSACTION_BYTES})"
        )
    try:
        raw = decode_base58(text) if encoding == "base58" else decode_base64(text)
    except Undecodable as error:
        raise invalid_params(f"invalid {encoding} encoding: {error}") from error
    if len(raw) > MAX_TRANSACTION_BYTES:
        raise invalid_params(
            f"decoded {TRANSACTION_TYPE} too large: {len(raw)} bytes (max: {MAX_TRANSACTION_BYTES} bytes)"
        )
    return raw
