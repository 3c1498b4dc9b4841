"""The accounts of the chain, stored in the VM, with an index of those that exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Final

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.account_index import AccountIndex
from psyche_cli.localnet.chain.known_addresses import TIME_ACCOUNTS
from psyche_cli.localnet.chain.vm_accounts import VmAccounts
from psyche_cli.solana.token_state import mint_of

_MOST_SIZES: Final = 10_000


def _nothing() -> None:
    """For accounts whose sysvars are always current."""


class Accounts:
    """The accounts in a VM and their index. Callers record each write in the journal, or undo it."""

    def __init__(self, vm: LiteSVM) -> None:
        self._vm = vm
        self._writer = VmAccounts(vm)
        self.index = AccountIndex()
        self._sizes: dict[Pubkey, int | None] = {}
        self.before_reading_time: Callable[[], None] = _nothing
        """Called before an account that follows from the time is read."""

    @property
    def undeployed(self) -> Set[Pubkey]:
        """The upgradeable programs without program data."""
        return self._writer.undeployed

    @property
    def removed_programs(self) -> Set[Pubkey]:
        """The programs that were loaded and no longer exist."""
        return self._writer.removed

    def get(self, address: Pubkey) -> Account | None:
        """The account, or None if it does not exist or has no lamports."""
        if address in TIME_ACCOUNTS:
            self.before_reading_time()
        account = self._vm.get_account(address)
        return account if account is not None and account.lamports else None

    def get_of(self, address: Pubkey, owners: frozenset[Pubkey]) -> Account | None:
        """The account if it is owned by one of ``owners``; others, which may be large, are not copied."""
        return self.get(address) if self.index.owner_of(address) in owners else None

    def balance(self, address: Pubkey) -> int:
        """The balance of an account in lamports, or 0 if it does not exist."""
        return self._vm.get_balance(address) or 0

    def size_of(self, address: Pubkey) -> int | None:
        """The bytes of data in an account; None if it does not exist. Remembered, since programs are large."""
        if address in self._sizes:
            return self._sizes[address]
        account = self.get(address)
        size = None if account is None else len(account.data)
        if len(self._sizes) >= _MOST_SIZES:
            self._sizes.clear()
        self._sizes[address] = size
        return size

    def changed(self, address: Pubkey, account: Account | None) -> None:
        """Note what an account in the VM has become: the index, ``size_of`` and the loaded programs follow."""
        self._writer.written(address, account)
        self._sizes.pop(address, None)
        self.index.record(address, None if account is None else account.owner)

    def rent_exempt_minimum(self, size: int) -> int:
        """The minimum balance of an account with ``size`` bytes of data, in lamports."""
        return self._vm.minimum_balance_for_rent_exemption(size)

    def mint_decimals(self, mint: Pubkey) -> int | None:
        """The decimals of an SPL mint; None if it does not exist."""
        account = self.get(mint)
        found = None if account is None else mint_of(account)
        return None if found is None else found.decimals

    def put(self, address: Pubkey, account: Account | None) -> None:
        """Create, overwrite or (with None or 0 lamports) remove an account, bypassing all program rules.

        Raises AccountRefused for a program or a sysvar that the VM cannot use, in which case nothing changes.
        """
        self._writer.put(address, account)
        self.changed(address, account if account is not None and account.lamports else None)

    def put_in_vm(self, accounts: Mapping[Pubkey, Account | None]) -> None:
        """Write accounts to the VM only, in an order that it accepts. ``changed`` may follow."""
        self._writer.put_all(accounts)
