"""The transactions that are held in memory, by number, signature, address and slot."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.blockhashes import Block

if TYPE_CHECKING:
    from psyche_cli.localnet.chain.history import TransactionRecord


@lru_cache(maxsize=64)
def signature_text(signature: Signature) -> str:
    """The base58 text of a signature, which takes long to compute. It is cached for the next answers."""
    return str(signature)


class TransactionSummary(NamedTuple):
    """What lists of transactions show.

    ``signature`` is the text of the first signature, ``unix_time`` is in seconds, and ``error`` is None for a success.
    """

    signature: str
    slot: int
    unix_time: int
    error: Json
    raw: bytes


class RecentTransactions:
    """Transactions that were added with ascending numbers. Each operation but ``slots`` takes time for its result only.

    Several of them may have the same signature, of which at most one is visible at a time. They are held as plain
    tuples, which Python's garbage collector need not follow: it would stop the validator for longer, the more of them
    are held.
    """

    def __init__(self) -> None:
        self._records: dict[int, tuple[Any, ...]] = {}
        self._summaries: dict[int, tuple[str, int, int, Json, bytes]] = {}
        self._keys: dict[int, tuple[Signature, tuple[Pubkey, ...]]] = {}
        self._by_signature: dict[Signature, tuple[int, ...]] = {}
        self._by_address: dict[Pubkey, _Numbers] = {}
        self._by_slot: dict[int, _Slot] = {}

    def __len__(self) -> int:
        return len(self._records)

    @property
    def oldest(self) -> int | None:
        """The lowest number."""
        return next(iter(self._records), None)

    def add(self, number: int, record: TransactionRecord, block: Block) -> None:
        """Add a transaction of ``block``, with a number above all others."""
        self._records[number] = record.values()
        text = signature_text(record.signature)
        self._summaries[number] = (text, record.slot, record.unix_time, record.error, record.raw)
        self._keys[number] = (record.signature, record.keys)
        same = self._by_signature.get(record.signature)
        self._by_signature[record.signature] = (number,) if same is None else (*same, number)
        for key in record.keys:
            numbers = self._by_address.get(key)
            if numbers is None:
                self._by_address[key] = numbers = _Numbers()
            numbers.add(number)
        in_slot = self._by_slot.get(block.slot)
        if in_slot is None:
            self._by_slot[block.slot] = in_slot = _Slot(block)
        in_slot.numbers.add(number)

    def remove(self, number: int) -> None:
        """Remove a transaction, if it is held."""
        if self._records.pop(number, None) is None:
            return
        signature, keys = self._keys.pop(number)
        slot = self._summaries.pop(number)[1]
        left = tuple(other for other in self._by_signature[signature] if other != number)
        if left:
            self._by_signature[signature] = left
        else:
            del self._by_signature[signature]
        for key in keys:
            numbers = self._by_address[key]
            numbers.remove(number)
            if not numbers:
                del self._by_address[key]
        in_slot = self._by_slot[slot]
        in_slot.numbers.remove(number)
        if not in_slot.numbers:
            del self._by_slot[slot]

    def get(self, number: int) -> tuple[Any, ...] | None:
        """The ``values`` of the transaction with this number, if it is held."""
        return self._records.get(number)

    def range(self, first: int, last: int) -> list[tuple[Any, ...]]:
        """The ``values`` of the transactions with numbers in this range."""
        return [values for number in range(first, last + 1) if (values := self._records.get(number)) is not None]

    def numbers_of(self, signature: Signature) -> tuple[int, ...]:
        """The numbers of the transactions with this first signature."""
        return self._by_signature.get(signature, ())

    def of_address(self, address: Pubkey, first: int, last: int, limit: int) -> list[TransactionSummary]:
        """The newest ``limit`` transactions that involve an address, with numbers in this range, newest first."""
        numbers = self._by_address.get(address)
        if numbers is None:
            return []
        return [TransactionSummary(*self._summaries[number]) for number in numbers.descending(first, last, limit)]

    def in_slot(self, slot: int) -> tuple[Block, int, int] | None:
        """The block of a slot, and the lowest and the highest number of its transactions; None if there are none."""
        found = self._by_slot.get(slot)
        return None if found is None else (found.block, found.numbers.first, found.numbers.last)

    def slots(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """The slots with transactions from ``first`` to ``last``, with their lowest and highest numbers."""
        return [
            (slot, found.numbers.first, found.numbers.last)
            for slot, found in self._by_slot.items()
            if first <= slot <= last
        ]


class _Slot:
    __slots__ = ("block", "numbers")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.numbers = _Numbers()


class _Numbers:
    """Ascending numbers. Adding one, and removing the first one, take constant time on average."""

    __slots__ = ("_items", "_start")

    def __init__(self) -> None:
        self._items = array("q")
        self._start = 0

    def __len__(self) -> int:
        return len(self._items) - self._start

    @property
    def first(self) -> int:
        return self._items[self._start]

    @property
    def last(self) -> int:
        return self._items[-1]

    def add(self, number: int) -> None:
        self._items.append(number)

    def remove(self, number: int) -> None:
        if self._items[self._start] == number:
            self._start += 1
            if self._start * 2 > len(self._items):
                del self._items[: self._start]
                self._start = 0
        else:
            del self._items[bisect_left(self._items, number, self._start)]

    def descending(self, first: int, last: int, limit: int) -> list[int]:
        end = bisect_right(self._items, last, self._start)
        begin = max(bisect_left(self._items, first, self._start, end), end - limit)
        return self._items[begin:end].tolist()[::-1]
