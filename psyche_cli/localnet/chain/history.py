"""The history of executed transactions by signature, address and slot, with a limited capacity.

Each executed transaction has a number, which is never used again. A state of the chain sees ranges of numbers. To
restore an earlier state hides the transactions executed since; they are kept as long as a snapshot sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import chain
from operator import attrgetter
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.archive import Archive, NoArchive
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction, parse_transaction
from psyche_cli.localnet.chain.deferred import Deferred, stored_name
from psyche_cli.localnet.chain.number_ranges import Ranges, clipped, contains, gaps, newest, size, union
from psyche_cli.localnet.chain.recent_transactions import RecentTransactions, TransactionSummary
from psyche_cli.localnet.chain.transaction_cost import cost_units

DEFAULT_CAPACITY: Final = 20_000

_REMOVED_AT_ONCE: Final = 64
"""The most transactions to remove from memory when one is added."""


@dataclass(kw_only=True)
class TransactionRecord:
    """An executed transaction; ``error`` is None if it succeeded. Balances are in lamports, in order of ``keys``.

    ``keys`` are the message's addresses, followed by the writable and the read-only ones from lookup tables.
    ``changed`` are the accounts whose content changed. ``loaded_accounts_data_size`` is in bytes, and 0
    in records of ledgers of earlier versions. ``leader_reward`` is the leader's share of the fee, and
    ``leader_balance`` what it holds afterwards; both are 0 if it was burned.
    """

    signature: Signature
    raw: bytes
    slot: int
    unix_time: int
    keys: tuple[Pubkey, ...]
    looked_up_writable: int
    looked_up_readonly: int
    error: Json
    fee: int
    pre_balances: tuple[int, ...]
    post_balances: tuple[int, ...]
    pre_token_balances: Deferred = Deferred()  # noqa: RUF009 -- a descriptor
    post_token_balances: Deferred = Deferred()  # noqa: RUF009 -- a descriptor
    logs: tuple[str, ...]
    inner_instructions: Deferred = Deferred()  # noqa: RUF009 -- a descriptor
    units: int
    return_data: Json
    changed: tuple[Pubkey, ...]
    loaded_accounts_data_size: int = 0
    leader_reward: int = 0
    leader_balance: int = 0

    @property
    def decoded(self) -> DecodedTransaction:
        """The decoded transaction; decoded on each call, since only the bytes are stored."""
        return parse_transaction(self.raw)

    @property
    def cost_units(self) -> int:
        """The cost of the transaction by the cost model of validators."""
        decoded = self.decoded
        writable = len(decoded.static_writable_keys) + self.looked_up_writable
        return cost_units(decoded, writable, self.units, self.loaded_accounts_data_size)

    def values(self) -> tuple[Any, ...]:
        """All fields, for ``of_values``. JSON that nobody has read yet is not made."""
        values: tuple[Any, ...] = _values_of(self)
        return values

    @classmethod
    def of_values(cls, values: tuple[Any, ...]) -> TransactionRecord:
        """The inverse of ``values``."""
        return cls(**dict(zip(_FIELDS, values, strict=True)))


_FIELDS: Final = tuple(field.name for field in fields(TransactionRecord))
_values_of: Final = attrgetter(*(stored_name(TransactionRecord, name) for name in _FIELDS))


class HistoryMark(NamedTuple):
    """What a state of the chain sees: the numbers of its transactions, and how many were executed since genesis."""

    visible: Ranges
    total: int


class History:
    """The newest ``capacity`` transactions, in memory and, with an ``archive``, the older ones of them there."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY, archive: Archive | None = None) -> None:
        self._capacity = capacity
        self._archive: Archive = archive or NoArchive()
        self._is_archived = archive is not None
        self._recent = RecentTransactions()
        self._before: Ranges = ()
        self._open = 1
        self._count = 0
        self._first_kept = 1
        self._unneeded: list[tuple[int, int]] = []
        self.next_number = 1
        """The number of the next transaction."""
        self.total = 0
        """The number of transactions since genesis, including those no longer stored."""

    @property
    def first_kept(self) -> int:
        """The number before which all transactions are forgotten."""
        return self._first_kept

    # -- adding

    def add(self, record: TransactionRecord, block: Block) -> None:
        """Add a transaction of ``block``, and forget the oldest if the capacity is exceeded."""
        self._recent.add(self.next_number, record, block)
        self.next_number += 1
        self.total += 1
        self._count += 1
        if self._count > self._capacity:
            self._forget_oldest()
        if not self._is_archived:
            self._remove_unneeded()
        elif (oldest := self._recent.oldest) is not None and oldest <= self._archive.newest:
            self._forget_archived()

    def _forget_oldest(self) -> None:
        self._count = self._capacity
        first = newest(self.mark().visible, self._capacity)
        if first > self._first_kept:
            self._unneeded.append((self._first_kept, first - 1))
            self._first_kept = first

    def _forget_archived(self) -> None:
        while (oldest := self._recent.oldest) is not None and oldest <= self._archive.newest:
            self._recent.remove(oldest)

    def _remove_unneeded(self) -> None:
        for _ in range(_REMOVED_AT_ONCE):
            if not self._unneeded:
                return
            first, last = self._unneeded.pop()
            self._recent.remove(first)
            if first < last:
                self._unneeded.append((first + 1, last))

    # -- reading

    def is_visible(self, number: int) -> bool:
        """Whether the current state sees the transaction with this number."""
        return number >= self._first_kept and self.was_executed(number)

    def was_executed(self, number: int) -> bool:
        """Whether the current state contains the effects of a transaction, which need not be stored anymore."""
        return number >= self._open or contains(self._before, number)

    def get(self, number: int) -> TransactionRecord:
        """A visible transaction. Raises HistoryDamaged."""
        values = self._recent.get(number)
        return self._archive.get(number) if values is None else TransactionRecord.of_values(values)

    def number_of(self, signature: Signature) -> int | None:
        """The number of the visible transaction with this first signature."""
        for source in (self._recent, self._archive):
            for number in source.numbers_of(signature):
                if self.is_visible(number):
                    return number
        return None

    def find(self, signature: Signature) -> TransactionRecord | None:
        """The transaction with this first signature. Raises HistoryDamaged."""
        number = self.number_of(signature)
        return None if number is None else self.get(number)

    def of_address(
        self, address: Pubkey, *, limit: int, before: Signature | None = None, until: Signature | None = None
    ) -> list[TransactionSummary]:
        """The newest ``limit`` transactions that involve this address, newest first.

        Only those older than ``before``, of which there are none if it is unknown, and newer than ``until``. Raises
        HistoryDamaged.
        """
        below = self.next_number if before is None else self.number_of(before)
        if below is None:
            return []
        above = None if until is None else self.number_of(until)
        found: list[TransactionSummary] = []
        for first, last in reversed(self._visible((above or 0) + 1, below - 1)):
            for source in (self._recent, self._archive):
                if len(found) < limit:
                    found += source.of_address(address, first, last, limit - len(found))
        return found

    def of_slot(self, slot: int) -> list[TransactionRecord]:
        """The transactions of one slot in order of execution. Raises HistoryDamaged."""
        return [*self.read_slot(slot)]

    def read_slot(self, slot: int) -> Iterator[TransactionRecord]:
        """The transactions of one slot in order of execution, of which each is decoded when it is taken.

        They are those of the present state, whatever happens before they are taken. Raises HistoryDamaged.
        """
        archived, recent = self._archive.in_slot(slot), self._recent.in_slot(slot)
        stored = [] if archived is None else [self._archive.records(*one) for one in self._visible(*archived[1:])]
        held = [] if recent is None else [self._recent.range(*one) for one in self._visible(*recent[1:])]
        return chain(*stored, map(TransactionRecord.of_values, chain(*held)))

    def _numbers_in(self, slot: int) -> Iterator[int]:
        for source in (self._archive, self._recent):
            in_slot = source.in_slot(slot)
            if in_slot is not None:
                for first, last in self._visible(*in_slot[1:]):
                    yield from range(first, last + 1)

    def block(self, slot: int) -> Block | None:
        """The block of a slot with a stored transaction. Raises HistoryDamaged."""
        in_slot = self._recent.in_slot(slot) or self._archive.in_slot(slot)
        return None if in_slot is None or next(self._numbers_in(slot), None) is None else in_slot[0]

    def slots(self, first: int, last: int) -> list[int]:
        """The slots with stored transactions from ``first`` to ``last``."""
        visible = self._visible(1, self.next_number - 1)
        return sorted(
            {
                slot
                for source in (self._archive, self._recent)
                for slot, oldest, newest_in_slot in source.slots(first, last)
                if clipped(visible, oldest, newest_in_slot)
            }
        )

    @property
    def oldest(self) -> TransactionRecord | None:
        """The oldest stored transaction, if any. Raises HistoryDamaged."""
        visible = self._visible(1, self.next_number - 1)
        return self.get(visible[0][0]) if visible else None

    @property
    def is_complete(self) -> bool:
        """Whether all transactions since genesis are stored."""
        return self._count == self.total

    def records(self) -> list[TransactionRecord]:
        """All stored transactions, oldest first. Raises HistoryDamaged."""
        visible = self._visible(1, self.next_number - 1)
        return [self.get(number) for first, last in visible for number in range(first, last + 1)]

    def _visible(self, first: int, last: int) -> Ranges:
        """The numbers that the current state sees, from ``first`` to ``last``."""
        return clipped(self.mark().visible, max(first, self._first_kept), last)

    # -- states

    def mark(self) -> HistoryMark:
        """What the current state sees."""
        newly = ((self._open, self.next_number - 1),) if self._open < self.next_number else ()
        return HistoryMark((*self._before, *newly), self.total)

    def restore(self, mark: HistoryMark) -> None:
        """See what an earlier state saw."""
        self._open = self.next_number
        self._before, self.total = mark
        self._count = size(clipped(self._before, self._first_kept, self.next_number))
        if self._count > self._capacity:
            self._forget_oldest()

    def resume(
        self,
        mark: HistoryMark,
        *,
        first_kept: int,
        next_number: int,
        recent: Iterable[tuple[int, TransactionRecord, Block]],
    ) -> None:
        """Continue the history of an archive; ``recent`` are the stored transactions that are not in it yet."""
        self._first_kept = first_kept
        for number, record, block in recent:
            self._recent.add(number, record, block)
        self.next_number = next_number
        self.restore(mark)
        self.retain([])

    def retain(self, marks: Iterable[HistoryMark]) -> None:
        """Remove, little by little, the transactions that neither the current state nor one of ``marks`` sees."""
        needed = union([self.mark().visible, *(mark.visible for mark in marks)])
        oldest = 1 if self._is_archived else self._recent.oldest
        if oldest is None:
            oldest = self.next_number
        self._unneeded = list(gaps(clipped(needed, self._first_kept, self.next_number), oldest, self.next_number - 1))

    def take_unneeded(self) -> list[tuple[int, int]]:
        """The ranges of numbers that no state sees. The caller removes them from the archive."""
        unneeded, self._unneeded = self._unneeded, []
        return unneeded
