"""What a node remembers of recent slots: the prices that transactions paid, and samples of its performance."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.solana.sending.priority_fee import compute_budget_of

_PRICED_SLOTS: Final = 150
_SAMPLE_SECONDS: Final = 60
MAX_SAMPLES: Final = 720
"""The number of samples that are kept, one a minute."""


class _Prices:
    """The lowest prices in one slot, in micro-lamports per compute unit: of all, and by writable account."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.lowest: int | None = None
        self._of_account: dict[Pubkey, int] = {}

    def add(self, price: int, writable: tuple[Pubkey, ...]) -> None:
        """Add a transaction."""
        self.lowest = price if self.lowest is None else min(self.lowest, price)
        for key in writable:
            self._of_account[key] = min(price, self._of_account.get(key, price))

    def settle(self) -> None:
        """Keep what can differ from ``lowest``, once no more transactions follow."""
        lowest = self.lowest or 0
        self._of_account = {key: price for key, price in self._of_account.items() if price > lowest}

    def paid(self, accounts: list[Pubkey]) -> int:
        """The price at which a transaction that writes to ``accounts`` landed."""
        return max(self.lowest or 0, *(self._of_account.get(key, 0) for key in accounts), 0)


class RecentSlots:
    """The prices of the newest 150 slots with transactions, and a sample for each minute; a listener of the bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._prices: deque[_Prices] = deque(maxlen=_PRICED_SLOTS)
        self._samples: deque[Json] = deque(maxlen=MAX_SAMPLES)
        self._start_sample(bank.chain.tip)
        bank.listeners.append(self)

    def add(self, transaction: DecodedTransaction, record: TransactionRecord) -> None:
        """Add an executed transaction of a client."""
        if not self._prices or self._prices[-1].slot != record.slot:
            if self._prices:
                self._prices[-1].settle()
            self._prices.append(_Prices(record.slot))
        own, static = transaction.static_writable_keys, len(transaction.static_keys)
        writable = own + record.keys[static : static + record.looked_up_writable]
        price = compute_budget_of(transaction.message).price if transaction.priority_fee else 0
        self._prices[-1].add(price, writable)

    def prices(self, accounts: list[Pubkey]) -> Json:
        """The result of getRecentPrioritizationFees."""
        return [{"slot": prices.slot, "prioritizationFee": prices.paid(accounts)} for prices in self._prices]

    def samples(self, limit: int) -> Json:
        """The newest samples first: the result of getRecentPerformanceSamples."""
        return list(islice(reversed(self._samples), limit))

    def _start_sample(self, block: Block) -> None:
        self._first, self._transactions = block, self._bank.history.total

    def on_block(self, block: Block) -> None:
        """Take a sample if a minute has passed."""
        seconds = block.unix_time - self._first.unix_time
        if seconds < _SAMPLE_SECONDS:
            return
        transactions = self._bank.history.total - self._transactions
        self._samples.append(
            {
                "slot": block.slot,
                "numTransactions": transactions,
                "numNonVoteTransactions": transactions,
                "numSlots": block.slot - self._first.slot,
                "samplePeriodSecs": seconds,
            }
        )
        self._start_sample(block)

    def on_transaction(self, record: TransactionRecord) -> None:
        """Transactions are counted by the history."""

    def on_account(self, address: Pubkey) -> None:
        """Accounts do not matter."""

    def on_restore(self) -> None:
        """Forget what happened after the restored state."""
        self._prices.clear()
        self._samples.clear()
        self._start_sample(self._bank.chain.tip)
