"""The accounts of a transaction, in its message and from lookup tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.lookup_tables import lookup_table_of


@dataclass(frozen=True)
class LoadedKeys:
    """The addresses in the order of instruction indexes, their writable flags, and the numbers from lookup tables."""

    keys: tuple[Pubkey, ...]
    writable: tuple[Pubkey, ...]
    looked_up_writable: int = 0
    looked_up_readonly: int = 0

    @property
    def looked_up(self) -> tuple[Pubkey, ...]:
        """The addresses from lookup tables: first the writable ones, then the others."""
        return self.keys[len(self.keys) - self.looked_up_writable - self.looked_up_readonly :]


def load_keys(transaction: DecodedTransaction, account_of: Callable[[Pubkey], Account | None]) -> LoadedKeys:
    """Resolve the lookups of a transaction.

    Lookups that cannot be resolved yield no addresses; the VM then rejects the transaction with the right error.
    """
    own, own_writable = transaction.static_keys, transaction.static_writable_keys
    if transaction.version == "legacy":
        return LoadedKeys(own, own_writable)
    writable: list[Pubkey] = []
    readonly: list[Pubkey] = []
    for table, writable_indexes, readonly_indexes in transaction.lookups:
        account = account_of(table)
        found = None if account is None else lookup_table_of(account)
        addresses = [] if found is None else found.addresses
        if found is None or max(writable_indexes + readonly_indexes, default=0) >= len(addresses):
            return LoadedKeys(own, own_writable)
        writable += [addresses[index] for index in writable_indexes]
        readonly += [addresses[index] for index in readonly_indexes]
    return LoadedKeys((*own, *writable, *readonly), (*own_writable, *writable), len(writable), len(readonly))
