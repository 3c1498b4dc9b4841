"""The part of a history that is stored outside memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.recent_transactions import TransactionSummary

if TYPE_CHECKING:
    from psyche_cli.localnet.chain.history import TransactionRecord


class Archive(Protocol):
    """Transactions that are stored outside memory. Methods raise HistoryDamaged for a stored one that is damaged."""

    @property
    def newest(self) -> int:
        """The highest number in the archive; later transactions are held in memory. 0 if it is empty."""
        ...

    def get(self, number: int) -> TransactionRecord:
        """The transaction with this number."""
        ...

    def records(self, first: int, last: int) -> Iterator[TransactionRecord]:
        """The transactions with numbers in this range, which are read now and decoded when they are taken."""
        ...

    def numbers_of(self, signature: Signature) -> Iterable[int]:
        """The numbers of the transactions with this first signature."""
        ...

    def of_address(self, address: Pubkey, first: int, last: int, limit: int) -> list[TransactionSummary]:
        """The newest ``limit`` transactions that involve an address, with numbers in this range, newest first."""
        ...

    def in_slot(self, slot: int) -> tuple[Block, int, int] | None:
        """The block of a slot, and the lowest and the highest number of its transactions; None if there are none.

        Numbers between them that belong to no transaction of the slot are not visible in any state.
        """
        ...

    def slots(self, first: int, last: int) -> Iterable[tuple[int, int, int]]:
        """The slots with transactions from ``first`` to ``last``, with their lowest and highest numbers."""
        ...


class HistoryDamaged(Exception):
    """A stored transaction is missing or damaged. The text is a sentence."""


class NoArchive:
    """The archive of a chain whose history is held in memory."""

    newest: int = 0

    def get(self, number: int) -> TransactionRecord:
        """Nothing is archived."""
        raise HistoryDamaged(f"Transaction {number} is not in the history.")

    def records(self, first: int, last: int) -> Iterator[TransactionRecord]:  # noqa: ARG002 -- empty
        """None."""
        return iter(())

    def numbers_of(self, signature: Signature) -> Iterable[int]:  # noqa: ARG002 -- empty
        """None."""
        return ()

    def of_address(self, address: Pubkey, first: int, last: int, limit: int) -> list[TransactionSummary]:  # noqa: ARG002
        """None."""
        return []

    def in_slot(self, slot: int) -> tuple[Block, int, int] | None:  # noqa: ARG002 -- empty
        """None."""
        return None

    def slots(self, first: int, last: int) -> Iterable[tuple[int, int, int]]:  # noqa: ARG002 -- empty
        """None."""
        return ()
