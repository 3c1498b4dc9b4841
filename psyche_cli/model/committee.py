"""The roles of a round's clients: committees, witnesses, and the witness quorum.

The clients of a round are shuffled twice with the round's random seed: the first positions of the witness shuffle are
the witnesses; the positions of the committee shuffle are tie breakers, verifiers and trainers, in that order. Each
client can thus compute the role of any other, and an instruction proves a role by the client's index and position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from psyche_cli.limits import MAX_WITNESSES
from psyche_cli.model.instructions import Committee
from psyche_cli.model.outcomes import Abort, ErrorCode, Refusal
from psyche_cli.protocol.accounts.coordinator_parts import EpochClient
from psyche_cli.protocol.accounts.coordinator_rounds import Round, WitnessRecord

_SHUFFLE_ROUNDS = 90
_POSITIONS_PER_DIGEST = 256
_WITNESS_SALT = b"witness"
_COMMITTEE_SALT = b"committee"
_QUORUM_FROM = 4
_TWO_THIRDS = 2.0 / 3.0


def swap_or_not(index: int, count: int, key: bytes) -> int:
    """The position of element ``index`` after a swap-or-not shuffle of ``count`` elements with ``key`` (32 bytes).

    Each of the 90 rounds pairs every position with its mirror image around a pivot, and swaps some of the pairs. Aborts
    if ``index`` is not below ``count``.
    """
    if index >= count:
        raise Abort("the index to shuffle is out of range")
    for pivot, source in _swaps(key, (count - 1) // _POSITIONS_PER_DIGEST + 1):
        flip = (pivot + count - index) % count
        place = max(index, flip)
        if source[place // 8] >> (place % 8) & 1:
            index = flip
    return index


@lru_cache(maxsize=8)
def _swaps(key: bytes, digests: int) -> tuple[tuple[int, bytes], ...]:
    """The pivot of each round, before the reduction to the number of elements, and a bit for each position.

    The latest ones are kept, because all roles of a round are computed from the same two keys.
    """
    swaps = []
    for number in range(_SHUFFLE_ROUNDS):
        prefix = key + bytes([number])
        bits = [hashlib.sha256(prefix + block.to_bytes(4, "little")).digest() for block in range(digests)]
        swaps.append((int.from_bytes(hashlib.sha256(prefix).digest()[:8], "little"), b"".join(bits)))
    return tuple(swaps)


@dataclass(frozen=True)
class CommitteeSelection:
    """The roles in a round of ``total`` clients. ``witness_nodes`` 0 means all clients, up to 32."""

    tie_breakers: int
    verifiers: int
    witness_nodes: int
    total: int
    seed: bytes

    @classmethod
    def of(cls, round_: Round, config: Mapping[str, int]) -> CommitteeSelection:
        """The selection of a round. Refuses (6020) as ``select`` does."""
        return cls.select(
            tie_breakers=round_.tie_breaker_tasks,
            witness_nodes=config["witness_nodes"],
            verification_percent=config["verification_percent"],
            total=round_.clients_len,
            random_seed=round_.random_seed,
        )

    @classmethod
    def select(
        cls, *, tie_breakers: int, witness_nodes: int, verification_percent: int, total: int, random_seed: int
    ) -> CommitteeSelection:
        """The selection for these numbers. Refuses (6020) more roles than clients, or more than 100 percent."""
        if total < tie_breakers or total < witness_nodes or verification_percent > 100:
            raise Refusal(ErrorCode.COORDINATOR_ERROR_INVALID_COMMITTEE_SELECTION)
        verifiers = (total - tie_breakers) * verification_percent // 100
        seed = hashlib.sha256(random_seed.to_bytes(8, "little")).digest()
        return cls(tie_breakers, verifiers, witness_nodes, total, seed)

    def witness_position(self, index: int) -> int:
        """The position of the client ``index`` in the witness shuffle."""
        return self._position(index, _WITNESS_SALT)

    def is_witness(self, position: int) -> bool:
        """Whether ``position`` of the witness shuffle is that of a witness."""
        return position < (self.witness_nodes or MAX_WITNESSES)

    def committee_position(self, index: int) -> int:
        """The position of the client ``index`` in the committee shuffle."""
        return self._position(index, _COMMITTEE_SALT)

    def committee(self, position: int) -> Committee:
        """The committee at ``position`` of the committee shuffle."""
        if position < self.tie_breakers:
            return Committee.TIE_BREAKER
        return Committee.VERIFIER if position < self.tie_breakers + self.verifiers else Committee.TRAINER

    def proves_witness(self, record: WitnessRecord, clients: tuple[EpochClient, ...], signer: bytes) -> bool:
        """Whether ``record`` proves that ``signer`` is one of the epoch's ``clients`` and a witness of this round."""
        if record.index >= len(clients) or clients[record.index].id.signer != signer:
            return False
        position = self.witness_position(record.index)
        return record.position == position and record.witness == 1 and self.is_witness(position)

    def _position(self, index: int, salt: bytes) -> int:
        return swap_or_not(index, self.total, hashlib.sha256(self.seed + salt).digest())


def expected_witnesses(config: Mapping[str, int], clients: int) -> int:
    """The number of witnesses that complete a round of ``clients`` clients."""
    return config["witness_nodes"] or min(clients, MAX_WITNESSES)


def quorum(received: int, config: Mapping[str, int]) -> int:
    """The number of witnesses that must agree: about two thirds of ``witness_nodes``, or of ``received`` if that is 0.

    Computed in 64-bit floats, as in the program. Aborts if both are 0.
    """
    nodes = config["witness_nodes"] or received
    if nodes == 0:
        raise Abort("the quorum of zero witnesses is undefined")
    if nodes < _QUORUM_FROM:
        return min(nodes, 2)
    return max(1, int(nodes * _TWO_THIRDS))
