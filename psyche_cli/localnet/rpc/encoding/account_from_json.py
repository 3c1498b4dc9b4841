"""Decoding of accounts from the JSON form in which RPC methods return them."""

from __future__ import annotations

import base64
from typing import Final

from solders.account import Account

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.localnet.rpc.fault import invalid_params
from psyche_cli.localnet.rpc.params import Config, pubkey_of
from psyche_cli.solana.programs import SYSTEM_PROGRAM

_MAX_BASE58: Final = 16_384
"""The maximum length of data as base58, in characters. Decoding takes more than proportional time."""


def account_from_json(content: Json) -> Account:
    """An account from the form of getAccountInfo with base64, base64+zstd or base58 data. Raises RpcFault."""
    options = Config(content)
    lamports = options.unsigned("lamports")
    if lamports is None:
        raise invalid_params("Invalid params: lamports is missing.")
    data = options.raw("data")
    if data is None:
        data = ["", "base64"]
    content_bytes = _account_data(data)
    if len(content_bytes) > MAX_ACCOUNT_BYTES:
        raise invalid_params(f"Invalid params: the maximum account size is {MAX_ACCOUNT_BYTES} bytes.")
    owner = options.text("owner")
    return Account(
        lamports,
        content_bytes,
        SYSTEM_PROGRAM if owner is None else pubkey_of(owner),
        executable=options.flag("executable"),
        rent_epoch=options.unsigned("rentEpoch") or 0,
    )


def _account_data(data: Json) -> bytes:
    if not (isinstance(data, list) and len(data) == 2 and all(isinstance(item, str) for item in data)):
        raise invalid_params('Invalid params: data: expected [TEXT, "base64"].')
    text, encoding = data
    # Reading compressed data imports zstandard, which takes 17 ms, so it is deferred.
    from psyche_cli.solana.rpc.answers import decompressed

    try:
        if encoding == "base58":
            if len(text) > _MAX_BASE58:
                raise invalid_params(
                    f"Invalid params: data: base58 may have up to {_MAX_BASE58} characters; use base64."
                )
            return base58.decode(text)
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
        if encoding == "base64+zstd":
            return decompressed(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise invalid_params(f"Invalid params: data: {error}.") from error
    raise invalid_params("Invalid params: data: the encoding must be base58, base64 or base64+zstd.")
