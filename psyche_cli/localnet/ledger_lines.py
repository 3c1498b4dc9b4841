"""The lines of a ledger file: a CRC-32 in hexadecimal, a blank, JSON; and accounts and transactions as JSON."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

import zstandard
from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.localnet.history import TransactionRecord
from psyche_cli.localnet.rpc_fault import Json

_COMPRESS_FROM_BYTES: Final = 512
_MAX_ACCOUNT_BYTES: Final = 10 * 1024 * 1024


def encode_line(content: Json) -> bytes:
    """One line."""
    text = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def intact_lines(path: Path) -> Iterator[tuple[Json, int]]:
    """Each line's content and the offset of its end, up to the first line that is not intact."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            text = line[9:-1]
            if not line.endswith(b"\n") or line[:8] != b"%08x" % zlib.crc32(text):
                return
            end += len(line)
            yield json.loads(text), end


def account_to_json(address: Pubkey, account: Account | None) -> Json:
    """An account, or the fact that there is none."""
    if account is None:
        return [str(address), 0]
    data, packed = account.data, False
    if len(data) >= _COMPRESS_FROM_BYTES:
        data, packed = zstandard.ZstdCompressor(level=1).compress(data), True
    text = base64.b64encode(data).decode()
    return [str(address), account.lamports, str(account.owner), account.executable, account.rent_epoch, packed, text]


def account_from_json(written: Json) -> tuple[Pubkey, Account | None]:
    """What ``account_to_json`` wrote."""
    address = Pubkey.from_string(written[0])
    if not written[1]:
        return address, None
    _, lamports, owner, executable, rent_epoch, packed, text = written
    data = base64.b64decode(text)
    if packed:
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=_MAX_ACCOUNT_BYTES)
    return address, Account(lamports, data, Pubkey.from_string(owner), executable, rent_epoch)


def record_to_json(record: TransactionRecord) -> Json:
    """An executed transaction."""
    written = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        **written,
        "signature": str(record.signature),
        "raw": base64.b64encode(record.raw).decode(),
        "keys": [str(key) for key in record.keys],
        "changed": [str(key) for key in record.changed],
    }


def record_from_json(written: Json) -> TransactionRecord:
    """What ``record_to_json`` wrote."""
    lists = {name: tuple(written[name]) for name in ("pre_balances", "post_balances", "logs")}
    keys = {name: tuple(Pubkey.from_string(key) for key in written[name]) for name in ("keys", "changed")}
    return TransactionRecord(
        **{
            **written,
            **lists,
            **keys,
            "signature": Signature.from_string(written["signature"]),
            "raw": base64.b64decode(written["raw"]),
        }
    )
