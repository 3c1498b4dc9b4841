"""Bloom filters: 1,024 bits, 8 FNV-1a hashes that differ in their key.

A witness sends one of the wallets that it saw working (as their sha256) and one of the results that it received. The
keys are random and travel with the filter, so that nobody can prepare collisions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from psyche_cli.limits import U64_MAX
from psyche_cli.protocol.accounts.coordinator_parts import BloomFilter

_FNV_PRIME = 0x100000001B3
_BITS = 1024
_WORD_BITS = 64


def fnv1a(key: int, item: bytes) -> int:
    """The 64-bit FNV-1a hash of ``item`` with ``key`` in the place of the offset basis."""
    value = key
    for byte in item:
        value = (value ^ byte) * _FNV_PRIME & U64_MAX
    return value


def bit_positions(keys: Iterable[int], item: bytes) -> list[int]:
    """The bits that stand for ``item``, one for each key."""
    return [fnv1a(key, item) % _BITS for key in keys]


def contains(bloom: BloomFilter, item: bytes) -> bool:
    """Whether all bits of ``item`` are set: surely so if it was added, rarely so if it was not."""
    return all(bloom.bits[bit // _WORD_BITS] >> (bit % _WORD_BITS) & 1 for bit in bit_positions(bloom.keys, item))


def bloom_of(keys: tuple[int, ...], items: Iterable[bytes]) -> BloomFilter:
    """A filter that contains ``items``."""
    words = [0] * (_BITS // _WORD_BITS)
    for item in items:
        for bit in bit_positions(keys, item):
            words[bit // _WORD_BITS] |= 1 << (bit % _WORD_BITS)
    return BloomFilter(keys, tuple(words))


def wallet_item(wallet: bytes) -> bytes:
    """What stands for a wallet in a participant bloom: its sha256."""
    return hashlib.sha256(wallet).digest()
