"""The parts of a coordinator account as values that never change: what the decoder returns and the model computes with.

Wallets and p2p identities are 32 bytes; points, heights and indices are integers. Names are those of the account's
layout, which ``protocol.layouts`` has as memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psyche_cli.protocol.run_states import ClientState

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

_DISPLAY_ID_BYTES = 4


@dataclass(frozen=True)
class Identity:
    """A client: the wallet it signs with and the key of its peer-to-peer node. Identities are compared by wallet."""

    signer: bytes
    p2p_identity: bytes = bytes(32)

    @property
    def display_id(self) -> str:
        """The first 4 bytes of the wallet in hex, as the program's log and tools name a client. Not unique."""
        return self.signer[:_DISPLAY_ID_BYTES].hex()

    @property
    def wallet(self) -> Pubkey:
        """``signer`` as an address."""
        from solders.pubkey import Pubkey

        return Pubkey.from_bytes(self.signer)


@dataclass(frozen=True)
class PendingClient:
    """A wallet that ever joined the run; never removed.

    ``earned`` and ``slashed`` are points. It takes part in the next epoch if ``active`` equals ``next_active`` then.
    """

    id: Identity
    earned: int = 0
    slashed: int = 0
    active: int = 0


@dataclass(frozen=True)
class EpochClient:
    """A client of the current epoch, or one that left it in the round of ``exited_height``."""

    id: Identity
    state: ClientState = ClientState.HEALTHY
    exited_height: int = 0


@dataclass(frozen=True)
class EpochRates:
    """Points per epoch: earned by all clients together, lost by one that was ejected."""

    earning_rate_total_shared: int = 0
    slashing_rate_per_client: int = 0


@dataclass(frozen=True)
class BloomFilter:
    """1,024 bits under 8 hash keys, all u64. The all-zero default contains nothing."""

    keys: tuple[int, ...] = (0,) * 8
    bits: tuple[int, ...] = (0,) * 16


@dataclass(frozen=True)
class WitnessRecord:
    """What a witness hands in for a round, and what is stored of it.

    ``position``, ``index`` and ``witness`` are its proof: the place in the witness shuffle, the index in the epoch's
    client list, and the byte that claims (1) to be a witness. Merkle root of 32 bytes.
    """

    position: int
    index: int
    witness: int = 1
    participant_bloom: BloomFilter = BloomFilter()
    broadcast_bloom: BloomFilter = BloomFilter()
    broadcast_merkle: bytes = bytes(32)


@dataclass(frozen=True)
class Round:
    """One of the four rounds that the account remembers. ``data_index`` counts sequences."""

    data_index: int = 0
    random_seed: int = 0
    height: int = 0
    clients_len: int = 0
    tie_breaker_tasks: int = 0
    witnesses: tuple[WitnessRecord, ...] = ()
