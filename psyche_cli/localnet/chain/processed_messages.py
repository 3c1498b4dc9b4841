"""The executed messages, of which no duplicate may land."""

from __future__ import annotations

from collections.abc import Iterable

from solders.hash import Hash

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import History


class ProcessedMessages:
    """The hashes of executed messages, kept as long as their blockhash is valid.

    A message counts in the states that see its transaction in ``history``.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._by_blockhash: dict[Hash, dict[Hash, tuple[int, ...]]] = {}

    def __contains__(self, transaction: DecodedTransaction) -> bool:
        numbers = self._by_blockhash.get(transaction.recent_blockhash, {}).get(transaction.message_hash, ())
        return any(map(self._history.was_executed, numbers))

    def add(self, transaction: DecodedTransaction) -> None:
        """Add a message that is executed as the next transaction of the history."""
        messages = self._by_blockhash.setdefault(transaction.recent_blockhash, {})
        same = messages.get(transaction.message_hash, ())
        messages[transaction.message_hash] = (*same, self._history.next_number)

    def uses(self, blockhash: Hash) -> bool:
        """Whether a transaction with this blockhash was executed."""
        return blockhash in self._by_blockhash

    def forget(self, blockhashes: Iterable[Hash]) -> None:
        """Remove the messages of expired blockhashes."""
        for blockhash in blockhashes:
            self._by_blockhash.pop(blockhash, None)
