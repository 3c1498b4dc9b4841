"""Bloom filters of 1,024 bits with 8 keyed FNV-1a hashes.

A witness sends two: one of the wallets that it saw working (as SHA-256 digests), and one of the results that it
received. The keys are random and sent with the filter, so that collisions cannot be prepared in advance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from psyche_cli.limits import U64_MAX
from psyche_cli.protocol.accounts.coordinator_rounds import BloomFilter

_FNV_PRIME = 0x100000001B3
_BITS = 1024
_WORD_BITS = 64


def fnv1a(key: int, item: bytes) -> int:
    """The 64-bit FNV-1a hash of ``item``, with ``key`` in place of the offset basis."""
    value = key
    for byte in item:
        value = (value ^ byte) * _FNV_PRIME & U64_MAX
    return value


@lru_cache(maxsize=4096)
def bit_positions(keys: tuple[int, ...], item: bytes) -> tuple[int, ...]:
    """The bit positions of ``item``, one for each key. The latest ones are kept, because filters share keys."""
    return tuple(fnv1a(key, item) % _BITS for key in keys)


def contains(bloom: BloomFilter, item: bytes) -> bool:
    """Whether all bits of ``item`` are set: always if it was added, rarely (a false positive) if it was not."""
    return all(bloom.bits[bit // _WORD_BITS] >> (bit % _WORD_BITS) & 1 for bit in bit_positions(bloom.keys, item))


def bloom_of(keys: tuple[int, ...], items: Iterable[bytes]) -> BloomFilter:
    """A filter that contains ``items``."""
    words = [0] * (_BITS // _WORD_BITS)
    for item in items:
        for bit in bit_positions(keys, item):
            words[bit // _WORD_BITS] |= 1 << (bit % _WORD_BITS)
    return BloomFilter(keys, tuple(words))


def wallet_item(wallet: bytes) -> bytes:
    """The item that represents a wallet in a participant filter: its SHA-256 digest (32 bytes)."""
    return hashlib.sha256(wallet).digest()
