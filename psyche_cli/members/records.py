"""What a member reports about a round: its proof, Bloom filters, Merkle root and figures."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.model.bloom import bloom_of, wallet_item
from psyche_cli.model.merkle import merkle_root
from psyche_cli.protocol.accounts.coordinator_rounds import WitnessRecord

_KEYS = 8


class WitnessFigures(NamedTuple):
    """What a witness reports about its own training of a round.

    ``bandwidth_per_sec`` is in bytes. ``evals`` are at most 8 results by names of at most 32 bytes.
    """

    loss: float = 0.0
    tokens_per_sec: float = 0.0
    bandwidth_per_sec: float = 0.0
    efficiency: float = 0.0
    evals: Mapping[str, float] = {}

    def as_arguments(self, step: int) -> dict[str, Any]:
        """The figures for ``step`` as the argument ``metadata`` of the instruction."""
        return {
            "step": step,
            "tokens_per_sec": self.tokens_per_sec,
            "bandwidth_per_sec": self.bandwidth_per_sec,
            "loss": self.loss,
            "evals": [{"name": name, "value": value} for name, value in self.evals.items()],
            "prompt_results": [],
            "prompt_index": 0,
            "efficency": self.efficiency,
        }


def random_bloom_keys() -> tuple[int, ...]:
    """Eight keys (u64) for a Bloom filter from the operating system's random number generator."""
    return struct.unpack(f"<{_KEYS}Q", os.urandom(8 * _KEYS))


def warmup_record(index: int) -> WitnessRecord:
    """The record of a member that is ready. Only its index in the epoch matters to the program."""
    return WitnessRecord(position=index, index=index, witness=0)


def witness_record(
    position: int, index: int, participants: Iterable[Pubkey], results: Sequence[bytes], keys: tuple[int, ...]
) -> WitnessRecord:
    """The record of a witness, at ``position`` of the witness shuffle and ``index`` of the epoch's clients.

    ``participants`` are the wallets that it saw training. ``results`` are the hashes (32 bytes) of the results that it
    received, in the order of the data. ``keys`` are those of both Bloom filters.
    """
    return WitnessRecord(
        position=position,
        index=index,
        witness=1,
        participant_bloom=bloom_of(keys, (wallet_item(bytes(wallet)) for wallet in participants)),
        broadcast_bloom=bloom_of(keys, results),
        broadcast_merkle=merkle_root(results),
    )


def as_arguments(record: WitnessRecord) -> dict[str, Any]:
    """A record as arguments of the instructions ``witness`` and ``warmup_witness``."""
    participants, broadcasts = record.participant_bloom, record.broadcast_bloom
    return {
        "proof": {"position": record.position, "index": record.index, "witness": record.witness},
        "participant_bloom": {"keys": participants.keys, "bits": participants.bits},
        "broadcast_bloom": {"keys": broadcasts.keys, "bits": broadcasts.bits},
        "broadcast_merkle": record.broadcast_merkle,
    }
