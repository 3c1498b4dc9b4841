"""Where a bank records what is about to happen, before anybody can see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.history import ProcessedMessages, TransactionRecord


@dataclass(frozen=True)
class ChainTime:
    """A point in the life of a chain: slot, block height, Unix time in seconds, and the seconds warped so far."""

    slot: int
    height: int
    unix_time: int
    warped_seconds: int


@dataclass(frozen=True)
class BankState:
    """Everything that ``Bank.restore`` brings back. The sysvars that follow the time are not in ``accounts``."""

    accounts: dict[Pubkey, Account]
    records: tuple[TransactionRecord, ...]
    total: int
    processed: ProcessedMessages
    warped_seconds: int


class NotRecorded(Exception):
    """What was about to happen could not be recorded, so it did not happen. Its text is a clause with the reason."""


class Journal(Protocol):
    """A write-ahead journal. Every method but ``settle`` raises NotRecorded when it could not record."""

    @property
    def problem(self) -> str | None:
        """Why nothing can be recorded at present; None when the journal works."""
        ...

    def transaction(self, record: TransactionRecord, accounts: Mapping[Pubkey, Account | None]) -> None:
        """Record an executed transaction with the accounts that it changes (None for one that it removes)."""
        ...

    def account(self, address: Pubkey, account: Account | None) -> None:
        """Record an account that is set by hand, or removed (None)."""
        ...

    def advance(self, time: ChainTime) -> None:
        """Record that the chain may reach ``time``. After a failure, another attempt to write."""
        ...

    def replace(self, state: BankState, time: ChainTime) -> None:
        """Record that ``state`` takes the place of everything so far, in a chain that has reached ``time``."""
        ...

    def settle(self) -> None:
        """What was recorded is now in the bank, which is the moment to tidy up."""
        ...


class NoJournal:
    """The journal of a chain that is not kept."""

    problem: str | None = None

    def transaction(self, record: TransactionRecord, accounts: Mapping[Pubkey, Account | None]) -> None:
        """Record nothing."""

    def account(self, address: Pubkey, account: Account | None) -> None:
        """Record nothing."""

    def advance(self, time: ChainTime) -> None:
        """Record nothing."""

    def replace(self, state: BankState, time: ChainTime) -> None:
        """Record nothing."""

    def settle(self) -> None:
        """Do nothing."""
