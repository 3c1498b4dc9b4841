"""Which accounts of a chain a ledger stores: those that a start does not create itself."""

from __future__ import annotations

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.cluster_identity import VOTE_ACCOUNT, vote_account
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.known_addresses import TIME_SYSVARS
from psyche_cli.localnet.chain.snapshots import Contents
from psyche_cli.solana.programs import SYSVAR_OWNER


class StoredAccounts:
    """The accounts that a ledger stores, and the programs that every start loads; made in the state of genesis."""

    def __init__(self, accounts: Accounts, genesis: Genesis) -> None:
        self._accounts = accounts
        parts = genesis.program_addresses()
        existing = {address: accounts.get(address) for address in accounts.index.addresses()}
        self._loaded_at_start = {
            address: account
            for address, account in existing.items()
            if account is not None and (address in parts or (account.executable and address not in genesis.accounts))
        }

    def is_loaded_at_start(self, address: Pubkey) -> bool:
        """Whether this is a part of a program that every start loads, so that a ledger stores it only if it changes."""
        return address in self._loaded_at_start

    def all(self) -> dict[Pubkey, Account]:
        """All accounts that a ledger stores."""
        stored = {}
        for address in self._accounts.index.addresses():
            account = self._accounts.get(address)
            if address == VOTE_ACCOUNT and account is not None:
                account = vote_account(account.lamports)  # its votes depend on the time
            if account is not None and address not in TIME_SYSVARS and self._loaded_at_start.get(address) != account:
                stored[address] = account
        return stored

    def absent_from(self, stored: Contents) -> Contents:
        """The accounts of genesis that a stored chain does not contain, to be removed."""
        return {
            address: None
            for address in self._accounts.index.addresses()
            if address not in stored
            and self._accounts.index.owner_of(address) != SYSVAR_OWNER
            and not self.is_loaded_at_start(address)
        }
