"""The rounds of a coordinator account and their witnesses as immutable values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BloomFilter:
    """A Bloom filter of 1,024 bits with 8 hash keys, all u64. The all-zero default is empty."""

    keys: tuple[int, ...] = (0,) * 8
    bits: tuple[int, ...] = (0,) * 16


@dataclass(frozen=True)
class WitnessRecord:
    """The record that a witness submits for a round, as stored in the account.

    ``position``, ``index`` and ``witness`` form its proof: the position in the witness shuffle, the index in the
    list of the epoch's clients, and a byte that is 1 to claim the role of witness. The Merkle root is 32 bytes.
    """

    position: int
    index: int
    witness: int = 1
    participant_bloom: BloomFilter = BloomFilter()
    broadcast_bloom: BloomFilter = BloomFilter()
    broadcast_merkle: bytes = bytes(32)


@dataclass(frozen=True)
class Round:
    """One of the four latest rounds, which the account stores. ``data_index`` counts sequences."""

    data_index: int = 0
    random_seed: int = 0
    height: int = 0
    clients_len: int = 0
    tie_breaker_tasks: int = 0
    witnesses: tuple[WitnessRecord, ...] = ()
