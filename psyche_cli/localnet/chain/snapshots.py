"""Snapshots of the accounts: for each snapshot, the earlier content of the accounts that were changed after it.

A snapshot costs nothing when it is taken. Later, it takes memory for each account that is changed before the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.history import HistoryMark

Contents: TypeAlias = "dict[Pubkey, Account | None]"
"""Accounts by address; None for one that did not exist."""


@dataclass(frozen=True)
class Snapshot:
    """A state of a bank that it can restore: the snapshot of its accounts, its history and warped seconds."""

    number: int
    history: HistoryMark
    warped_seconds: int

    @property
    def total(self) -> int:
        """The number of transactions since genesis."""
        return self.history.total


class AccountSnapshots:
    """The snapshots of the accounts of one bank, numbered from 0 in the order in which they were taken.

    The owner reports every change.
    """

    def __init__(self) -> None:
        self._changed: dict[int, Contents] = {}
        self._newest: Contents = {}
        self._taken = 0

    def take(self) -> int:
        """Take a snapshot of the current accounts; returns its number."""
        number = self._taken
        self._taken += 1
        self._changed[number] = self._newest = {}
        return number

    def drop(self, number: int) -> None:
        """Forget a snapshot, but not the first. Snapshots before it can still be restored."""
        numbers = list(self._changed)
        before = self._changed[numbers[numbers.index(number) - 1]]
        for address, account in self._changed.pop(number).items():
            before.setdefault(address, account)
        self._newest = self._changed[next(reversed(self._changed))]

    def changed(self, address: Pubkey, before: Account | None, after: Account | None) -> None:
        """An account was changed."""
        newest = self._newest
        if address not in newest:
            newest[address] = before
        elif after is None and newest[address] is None:
            del newest[address]

    def contents(self, number: int) -> Contents:
        """The accounts changed since a snapshot, with their content in it."""
        found: Contents = {}
        for taken, changed in self._changed.items():
            if taken >= number:
                found = {**changed, **found}
        return found

    def restored(self, contents: Mapping[Pubkey, Account | None], current: Callable[[Pubkey], Account | None]) -> None:
        """Accounts were returned to the content in a snapshot; ``current`` is what they contain now."""
        newest = self._newest
        for address in [address for address in contents if address in newest and newest[address] == current(address)]:
            del newest[address]
