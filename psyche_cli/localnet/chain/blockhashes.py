"""The chain of blocks, one per slot, each with a blockhash that is valid for 150 blocks."""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from solders.hash import Hash

from psyche_cli.limits import BLOCKHASH_MAX_AGE

SLOT_HASHES: Final = 512
"""The number of entries in the SlotHashes sysvar."""

MAX_BLOCKS_AT_ONCE: Final = SLOT_HASHES
"""After a jump over more slots than this, only the last ones get blocks; the earlier ones count as skipped."""


@dataclass(frozen=True)
class Block:
    """One block. ``unix_time`` is in seconds; ``height`` counts blocks, ``slot`` counts slots."""

    slot: int
    height: int
    parent_slot: int
    blockhash: Hash
    previous_blockhash: Hash
    unix_time: int


class BlockChain:
    """The blocks since genesis, of which the newest ``capacity`` are stored."""

    def __init__(
        self,
        genesis_hash: Hash,
        unix_time: int,
        *,
        slot: int = 0,
        height: int = 0,
        capacity: int = 20_000,
    ) -> None:
        """Start at genesis or, with a later ``slot``, continue from there with new blockhashes."""
        self.genesis_hash = genesis_hash
        self._capacity = max(capacity, SLOT_HASHES)
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._usable: OrderedDict[Hash, int] = OrderedDict()
        self._recent: deque[tuple[int, Hash]] = deque(maxlen=SLOT_HASHES)
        first = genesis_hash if slot == 0 else Hash(os.urandom(32))
        self.tip = Block(slot, height, max(slot - 1, 0), first, Hash.default(), unix_time)
        self._add(self.tip)

    def _add(self, block: Block) -> list[Hash]:
        self.tip = block
        self._blocks[block.slot] = block
        if len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)
        self._recent.appendleft((block.slot, block.blockhash))
        self._usable[block.blockhash] = block.height
        expired = []
        while next(iter(self._usable.values())) < block.height - BLOCKHASH_MAX_AGE:
            expired.append(self._usable.popitem(last=False)[0])
        return expired

    def append(self, slot: int, unix_time: int, *, back_in_time: bool = False) -> list[Hash]:
        """Produce the block of ``slot`` on top of the tip; return the blockhashes that have expired by it.

        Time never goes back, unless ``back_in_time``.
        """
        parent = self.tip
        time = unix_time if back_in_time else max(unix_time, parent.unix_time)
        digest = sha256(bytes(parent.blockhash) + slot.to_bytes(8, "little")).digest()
        return self._add(Block(slot, parent.height + 1, parent.slot, Hash(digest), parent.blockhash, time))

    def last_valid_height(self, blockhash: Hash) -> int | None:
        """The last block height at which a transaction with this blockhash can land; None if it can no longer land."""
        height = self._usable.get(blockhash)
        return None if height is None else height + BLOCKHASH_MAX_AGE

    def is_usable(self, blockhash: Hash) -> bool:
        """Whether at most 150 blocks were produced after the one with this blockhash."""
        return blockhash in self._usable

    def block(self, slot: int) -> Block | None:
        """The stored block of a slot, or None."""
        return self._blocks.get(slot)

    @property
    def oldest_slot(self) -> int:
        """The slot of the oldest stored block."""
        return next(iter(self._blocks))

    def slots(self, first: int, last: int) -> list[int]:
        """The slots with stored blocks from ``first`` to ``last``, both inclusive."""
        if last - first < len(self._blocks):
            return [slot for slot in range(first, last + 1) if slot in self._blocks]
        return [slot for slot in self._blocks if first <= slot <= last]

    def slot_hashes(self) -> list[tuple[int, Hash]]:
        """The content of the SlotHashes sysvar: the newest 512 slots with their blockhashes, newest first."""
        return list(self._recent)
