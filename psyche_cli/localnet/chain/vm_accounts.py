"""Writes of accounts to a VM, which keep its programs consistent with their accounts."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.program_accounts import is_program_data, points_to
from psyche_cli.localnet.chain.undeployed import FAILING_PROGRAM
from psyche_cli.solana.deployments import ProgramDataHeader
from psyche_cli.solana.programs import SYSTEM_PROGRAM, UPGRADEABLE_LOADER

NO_ACCOUNT: Final = Account(0, b"", SYSTEM_PROGRAM)
"""The placeholder in the VM for an account that does not exist."""

_FAILING_DATA: Final = ProgramDataHeader(0, None).pack() + FAILING_PROGRAM


class AccountRefused(Exception):
    """An account that the VM rejects: an invalid program or a malformed sysvar."""


class VmAccounts:
    """Writes accounts to a VM.

    LiteSVM loads the code of an upgradeable program when the program account is written, not when the code changes.
    """

    def __init__(self, vm: LiteSVM) -> None:
        self._vm = vm
        self._programs: dict[Pubkey, set[Pubkey]] = {}
        self._undeployed: set[Pubkey] = set()
        self._removed: set[Pubkey] = set()

    @property
    def undeployed(self) -> Set[Pubkey]:
        """The programs whose program data does not exist."""
        return self._undeployed

    @property
    def removed(self) -> Set[Pubkey]:
        """The programs that were loaded and no longer exist. LiteSVM 0.15 (solders 0.29) panics if they are invoked."""
        return self._removed

    def put(self, address: Pubkey, account: Account | None) -> None:
        """Create, overwrite or (with None or 0 lamports) remove an account. Raises AccountRefused; nothing changes."""
        account = account if account is not None and account.lamports else NO_ACCOUNT
        existing = None if account.lamports else self._vm.get_account(address)
        if existing is not None and existing.executable:
            self._removed.add(address)
        elif account.lamports:
            self._removed.discard(address)
        code_at = points_to(account)
        if code_at is not None:
            self._load(address, account, code_at)
            return
        before = self._vm.get_account(address) if address in self._programs else None
        self._set(address, account)
        try:
            self._reload(address)
        except AccountRefused:
            self._set(address, before or NO_ACCOUNT)
            raise

    def put_all(self, accounts: Mapping[Pubkey, Account | None]) -> None:
        """Write several accounts, code before the programs that use it."""
        for address, account in sorted(accounts.items(), key=lambda item: item[1] is not None and item[1].executable):
            self.put(address, account)

    def written(self, address: Pubkey, account: Account | None) -> None:
        """Take note of an account that a transaction in the VM has written."""
        if account is not None:
            self._removed.discard(address)
        code_at = points_to(account)
        if code_at is not None:
            self._programs.setdefault(code_at, set()).add(address)

    def _reload(self, code_at: Pubkey) -> None:
        for program in self._programs.get(code_at, ()):
            account = self._vm.get_account(program)
            if account is not None and account.lamports and points_to(account) == code_at:
                self._load(program, account, code_at)

    def _load(self, program: Pubkey, account: Account, code_at: Pubkey) -> None:
        code = self._vm.get_account(code_at)
        if is_program_data(code):
            self._set(program, account)
            self._undeployed.discard(program)
        else:
            self._set(code_at, Account(1, _FAILING_DATA, UPGRADEABLE_LOADER))
            self._set(program, account)
            self._set(code_at, code or NO_ACCOUNT)
            self._undeployed.add(program)
        self._programs.setdefault(code_at, set()).add(program)

    def _set(self, address: Pubkey, account: Account) -> None:
        try:
            self._vm.set_account(address, account)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pyo3's PanicException derives from BaseException
            raise AccountRefused(f"the VM rejects it ({str(error).rstrip('.')})") from error
