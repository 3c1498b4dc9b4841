"""Checksums of rows, and digests of sets of rows.

A row's checksum covers its key, which detects exchanged rows. The digest of a set of rows does not depend on their
order; together with their number, it detects missing, repeated and outdated ones.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from solders.pubkey import Pubkey
from solders.signature import Signature

CHECKSUM_BYTES: Final = 8

_PRIME: Final = (1 << 31) - 1
_SMALL_PRIME: Final = 32749


def checksum(*parts: bytes) -> bytes:
    """The checksum of the parts of a row, all but the last of which have a fixed length."""
    return blake2b(b"".join(parts), digest_size=CHECKSUM_BYTES).digest()


def sealed(content: bytes, *key: bytes) -> bytes:
    """A checksum of the key and the content, followed by the content."""
    return checksum(*key, content) + content


def unsealed(stored: object, *key: bytes) -> bytes | None:
    """The content of what ``sealed`` returned; None if it is damaged or belongs to another key."""
    if not isinstance(stored, bytes):
        return None
    content = stored[CHECKSUM_BYTES:]
    return content if stored[:CHECKSUM_BYTES] == checksum(*key, content) else None


@lru_cache(maxsize=4096)
def address_key(address: Pubkey) -> int:
    """The key of an address in the index: 62 bits of a hash."""
    return int.from_bytes(blake2b(bytes(address), digest_size=8).digest(), "little") >> 2


def signature_key(signature: Signature) -> int:
    """The key of a signature in the index: 62 of its bits."""
    return int.from_bytes(bytes(signature)[:8], "little") >> 2


def pair_digest(key: int, number: int) -> int:
    """The digest of a row of two numbers, which are less than 2^63: the value of ``sql_pair_digest``."""
    return key % _PRIME * (number % _SMALL_PRIME + 1) % _PRIME


def sql_pair_digest(key: str, number: str) -> str:
    """The expression for the digest of a row with these two columns. It is short, since a start computes it often."""
    return f"{key} % {_PRIME} * ({number} % {_SMALL_PRIME} + 1) % {_PRIME}"
