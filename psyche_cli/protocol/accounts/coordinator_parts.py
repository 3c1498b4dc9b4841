"""The parts of a coordinator account as immutable values, returned by the decoder and used by the model.

Wallets and p2p identities are 32 bytes; points, heights and indices are integers. Names are those of the account's
memory layout in ``protocol.layouts``.
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
    """A client: the wallet that it signs with and the key of its peer-to-peer node. Only the wallet is compared."""

    signer: bytes
    p2p_identity: bytes = bytes(32)

    @property
    def display_id(self) -> str:
        """The first 4 bytes of the wallet in hex, which identify a client in logs and tools. Not unique."""
        return self.signer[:_DISPLAY_ID_BYTES].hex()

    @property
    def wallet(self) -> Pubkey:
        """``signer`` as an address."""
        from solders.pubkey import Pubkey

        return Pubkey.from_bytes(self.signer)


@dataclass(frozen=True)
class PendingClient:
    """A wallet that has joined the run; never removed.

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
    """Points per epoch: earned by all clients together, and lost by each ejected client."""

    earning_rate_total_shared: int = 0
    slashing_rate_per_client: int = 0


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
