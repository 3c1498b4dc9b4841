"""The accounts of the chain: their content is in the VM, and an index knows which ones exist."""

from __future__ import annotations

from typing import Final

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.account_index import AccountIndex
from psyche_cli.localnet.chain.genesis import put_account
from psyche_cli.localnet.chain.token_state import mint_of
from psyche_cli.solana.programs import SYSTEM_PROGRAM

NO_ACCOUNT: Final = Account(0, b"", SYSTEM_PROGRAM)
"""What the VM is given in place of an account that does not exist."""


class Accounts:
    """The accounts in a VM and their index. Whoever writes here has recorded it in the journal, or undoes it."""

    def __init__(self, vm: LiteSVM, index: AccountIndex) -> None:
        self._vm = vm
        self.index = index

    def get(self, address: Pubkey) -> Account | None:
        """The account, or None when there is none; one without lamports is none."""
        account = self._vm.get_account(address)
        return account if account is not None and account.lamports else None

    def balance(self, address: Pubkey) -> int:
        """Lamports of an account, 0 when there is none."""
        return self._vm.get_balance(address) or 0

    def rent_exempt_minimum(self, size: int) -> int:
        """Lamports that an account of ``size`` bytes must hold."""
        return self._vm.minimum_balance_for_rent_exemption(size)

    def mint_decimals(self, mint: Pubkey) -> int | None:
        """Decimal places of an SPL mint; None when there is no such mint."""
        account = self.get(mint)
        found = None if account is None else mint_of(account)
        return None if found is None else found.decimals

    def put(self, address: Pubkey, account: Account | None) -> None:
        """Create, overwrite or (with None or 0 lamports) remove an account, bypassing all program rules.

        Raises AccountRefused for a program or a sysvar that the VM cannot use.
        """
        exists = account is not None and account.lamports > 0
        put_account(self._vm, address, account if account is not None and exists else NO_ACCOUNT)
        self.index.record(address, account.owner if account is not None and exists else None)
