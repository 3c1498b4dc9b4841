"""The lines of a ledger file, each with a checksum over itself and all previous lines.

The first line names the format. Every other line consists of a BLAKE2b-128 digest in hexadecimal, a space, and the
line's text, a JSON object. The digest covers the previous line's digest and the text, so that a changed, removed,
repeated or moved line does not match its predecessor.
"""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from hashlib import blake2b
from typing import Final

import zstandard
from solders.account import Account
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_ACCOUNT_BYTES
from psyche_cli.localnet.chain.history import TransactionRecord

FORMAT: Final = 2
FORMAT_LINE: Final = b"psyche-cli ledger, format %d\n" % FORMAT
_DIGEST_BYTES: Final = 16
_DIGEST_DIGITS: Final = 2 * _DIGEST_BYTES
_COMPRESS_FROM_BYTES: Final = 512


def digest_of(text: bytes, previous: bytes = b"") -> bytes:
    """The checksum (16 bytes) of a line with this text that follows a line with the checksum ``previous``."""
    return blake2b(previous + text, digest_size=_DIGEST_BYTES).digest()


FORMAT_DIGEST: Final = digest_of(FORMAT_LINE)


def seal(content: Json, previous: bytes) -> tuple[bytes, bytes]:
    """A line that follows one with the checksum ``previous``, and its checksum."""
    text = json.dumps(content, separators=(",", ":")).encode()
    digest = digest_of(text, previous)
    return b"%b %b\n" % (digest.hex().encode(), text), digest


def unseal(line: bytes, previous: bytes) -> tuple[bytes, bytes] | None:
    """A line's text and checksum; None when it is corrupt or does not follow the previous one."""
    text = line[_DIGEST_DIGITS + 1 : -1]
    digest = digest_of(text, previous)
    if line != b"%b %b\n" % (digest.hex().encode(), text):
        return None
    return text, digest


def written_account(address: Pubkey, account: Account | None) -> Json:
    """The JSON form of an account, or of the removal of one if ``account`` is None."""
    if account is None:
        return [str(address), 0]
    data, packed = account.data, False
    if len(data) >= _COMPRESS_FROM_BYTES:
        data, packed = zstandard.ZstdCompressor(level=1).compress(data), True
    text = base64.b64encode(data).decode()
    return [str(address), account.lamports, str(account.owner), account.executable, account.rent_epoch, packed, text]


def read_account(written: Json) -> tuple[Pubkey, Account | None]:
    """The inverse of ``written_account``."""
    address = Pubkey.from_string(written[0])
    if not written[1]:
        return address, None
    _, lamports, owner, executable, rent_epoch, packed, text = written
    data = base64.b64decode(text)
    if packed:
        data = zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_ACCOUNT_BYTES)
    return address, Account(lamports, data, Pubkey.from_string(owner), executable, rent_epoch)


def written_record(record: TransactionRecord) -> Json:
    """The JSON form of an executed transaction."""
    written = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        **written,
        "signature": str(record.signature),
        "raw": base64.b64encode(record.raw).decode(),
        "keys": [str(key) for key in record.keys],
        "changed": [str(key) for key in record.changed],
    }


def read_record(written: Json) -> TransactionRecord:
    """The inverse of ``written_record``."""
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
