"""The history of executed transactions by signature, address and slot, with a limited capacity."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction, parse_transaction
from psyche_cli.localnet.chain.deferred import Deferred
from psyche_cli.localnet.chain.transaction_cost import cost_units

DEFAULT_CAPACITY: Final = 20_000


@dataclass(kw_only=True)
class TransactionRecord:
    """An executed transaction; ``error`` is None if it succeeded. Balances are in lamports, in order of ``keys``.

    ``keys`` are the message's addresses, followed by the writable and the read-only ones from lookup tables.
    ``changed`` are the accounts whose content changed. ``loaded_accounts_data_size`` is in bytes, and 0
    in records of ledgers of earlier versions.
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


class History:
    """The newest ``capacity`` transactions."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        self._capacity = capacity
        self._by_signature: OrderedDict[Signature, TransactionRecord] = OrderedDict()
        self._by_address: dict[Pubkey, deque[TransactionRecord]] = {}
        self._by_slot: dict[int, deque[TransactionRecord]] = {}
        self.total = 0
        """The number of transactions since genesis, including those no longer stored."""

    def add(self, record: TransactionRecord) -> None:
        """Add a transaction, and remove the oldest if the capacity is exceeded."""
        self.total += 1
        self._by_signature[record.signature] = record
        for key in record.keys:
            self._by_address.setdefault(key, deque()).append(record)
        self._by_slot.setdefault(record.slot, deque()).append(record)
        if len(self._by_signature) > self._capacity:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, oldest = self._by_signature.popitem(last=False)
        for key in oldest.keys:
            records = self._by_address[key]
            records.popleft()
            if not records:
                del self._by_address[key]
        in_slot = self._by_slot[oldest.slot]
        in_slot.popleft()
        if not in_slot:
            del self._by_slot[oldest.slot]

    def find(self, signature: Signature) -> TransactionRecord | None:
        """The transaction with this first signature."""
        return self._by_signature.get(signature)

    def of_address(self, address: Pubkey) -> list[TransactionRecord]:
        """The transactions that involve this address, newest first."""
        return list(reversed(self._by_address.get(address, ())))

    def of_slot(self, slot: int) -> list[TransactionRecord]:
        """The transactions of one slot in order of execution."""
        return list(self._by_slot.get(slot, ()))

    def has_slot(self, slot: int) -> bool:
        """Whether a transaction of this slot is stored."""
        return slot in self._by_slot

    @property
    def oldest(self) -> TransactionRecord | None:
        """The oldest stored transaction, if any."""
        return next(iter(self._by_signature.values()), None)

    @property
    def is_complete(self) -> bool:
        """Whether all transactions since genesis are stored."""
        return len(self._by_signature) == self.total

    def records(self) -> list[TransactionRecord]:
        """All stored transactions, oldest first."""
        return list(self._by_signature.values())

    def replace(self, records: Iterable[TransactionRecord], total: int) -> None:
        """Replace the history with these, oldest first; ``total`` is the number since genesis."""
        self._by_signature.clear()
        self._by_address.clear()
        self._by_slot.clear()
        for record in records:
            self.add(record)
        self.total = total


class ProcessedMessages:
    """The hashes of executed messages, kept as long as their blockhash is valid."""

    def __init__(self) -> None:
        self._by_blockhash: dict[Hash, set[Hash]] = {}

    def __contains__(self, transaction: DecodedTransaction) -> bool:
        return transaction.message_hash in self._by_blockhash.get(transaction.recent_blockhash, ())

    def add(self, transaction: DecodedTransaction) -> None:
        """Add an executed transaction."""
        self._by_blockhash.setdefault(transaction.recent_blockhash, set()).add(transaction.message_hash)

    def uses(self, blockhash: Hash) -> bool:
        """Whether a transaction with this blockhash was executed."""
        return blockhash in self._by_blockhash

    def copy(self) -> ProcessedMessages:
        """An independent copy."""
        copied = ProcessedMessages()
        copied._by_blockhash = {blockhash: set(hashes) for blockhash, hashes in self._by_blockhash.items()}
        return copied

    def forget(self, blockhashes: Iterable[Hash]) -> None:
        """Remove the messages of expired blockhashes."""
        for blockhash in blockhashes:
            self._by_blockhash.pop(blockhash, None)
