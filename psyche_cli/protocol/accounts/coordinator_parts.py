"""The parts of a coordinator account as immutable values, returned by the decoder and used by the model.

Wallets and p2p identities are 32 bytes; points, heights and indices are integers. Fields are named as in the account's
memory layout in ``protocol.layouts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.protocol.run_states import ClientState

if TYPE_CHECKING:
    from solders.pubkey import Pubkey

_DISPLAY_ID_BYTES = 4


class Identity(NamedTuple):
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


class PendingClient(NamedTuple):
    """A wallet that has joined the run; never removed.

    ``earned`` and ``slashed`` are points. It takes part in the next epoch if ``active`` equals ``next_active`` then.
    ``claimer`` is the wallet that may claim its rewards, 32 bytes, in layout v2-claimer; None in others.
    """

    id: Identity
    earned: int = 0
    slashed: int = 0
    active: int = 0
    claimer: bytes | None = None


class EpochClient(NamedTuple):
    """A client of the current epoch, or one that left it in the round of ``exited_height``."""

    id: Identity
    state: ClientState = ClientState.HEALTHY
    exited_height: int = 0


class EpochRates(NamedTuple):
    """Points per epoch: earned by all clients together, and lost by each ejected client."""

    earning_rate_total_shared: int = 0
    slashing_rate_per_client: int = 0
