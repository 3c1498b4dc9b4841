"""The write-ahead journal of a bank, which records every change before it becomes visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.history import HistoryMark, TransactionRecord


@dataclass(frozen=True)
class ChainTime:
    """The time of a chain: slot, block height, Unix time in seconds, and the total of warped seconds."""

    slot: int
    height: int
    unix_time: int
    warped_seconds: int


class NotRecorded(Exception):
    """A change could not be recorded and was not made. The text is a clause with the reason."""


class Journal(Protocol):
    """A write-ahead journal. Every method raises NotRecorded if it fails."""

    @property
    def problem(self) -> str | None:
        """Why the journal currently cannot record changes; None if it can."""
        ...

    def transaction(
        self, number: int, record: TransactionRecord, block: Block, accounts: Mapping[Pubkey, Account | None]
    ) -> None:
        """Record an executed transaction of ``block`` with the accounts that it changes (None for a removed one)."""
        ...

    def account(self, address: Pubkey, account: Account | None) -> None:
        """Record an account set by a control method, or removed (None)."""
        ...

    def advance(self, time: ChainTime) -> None:
        """Record that the chain may reach ``time``. After a failure, retry the write."""
        ...

    def restore(self, accounts: Mapping[Pubkey, Account | None], history: HistoryMark, time: ChainTime) -> None:
        """Record that an earlier state is restored: the accounts that change, the history it sees, and the time."""
        ...


class NoJournal:
    """The journal of a chain that is not persisted."""

    problem: str | None = None

    def transaction(
        self, number: int, record: TransactionRecord, block: Block, accounts: Mapping[Pubkey, Account | None]
    ) -> None:
        """Record nothing."""

    def account(self, address: Pubkey, account: Account | None) -> None:
        """Record nothing."""

    def advance(self, time: ChainTime) -> None:
        """Record nothing."""

    def restore(self, accounts: Mapping[Pubkey, Account | None], history: HistoryMark, time: ChainTime) -> None:
        """Record nothing."""
