"""The accounts of a transaction, in its message and from lookup tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTable
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.lookup_tables import lookup_table_of
from psyche_cli.solana.programs import LOOKUP_TABLE_PROGRAM


@dataclass(frozen=True)
class LoadedKeys:
    """The addresses in the order of instruction indexes, their writable flags, and the numbers from lookup tables.

    ``error`` is the transaction error if a lookup cannot be resolved; then there are no addresses from lookup tables.
    ``from_this_slot`` means that some of them were added to their table in the current slot; a cluster resolves them
    from the next slot on.
    """

    keys: tuple[Pubkey, ...]
    writable: tuple[Pubkey, ...]
    looked_up_writable: int = 0
    looked_up_readonly: int = 0
    error: str | None = None
    from_this_slot: bool = False

    @property
    def looked_up(self) -> tuple[Pubkey, ...]:
        """The addresses from lookup tables: first the writable ones, then the others."""
        return self.keys[len(self.keys) - self.looked_up_writable - self.looked_up_readonly :]


def load_keys(transaction: DecodedTransaction, account_of: Callable[[Pubkey], Account | None], slot: int) -> LoadedKeys:
    """Resolve the lookups of a transaction in a slot. Whether a table was deactivated is for the VM to decide."""
    own, own_writable = transaction.static_keys, transaction.static_writable_keys
    if not transaction.is_versioned:
        return LoadedKeys(own, own_writable)
    writable: list[Pubkey] = []
    readonly: list[Pubkey] = []
    from_this_slot = False
    for table, writable_indexes, readonly_indexes in transaction.lookups:
        found = _table_in(account_of(table))
        if isinstance(found, str):
            return LoadedKeys(own, own_writable, error=found)
        addresses, highest = found.addresses, max(writable_indexes + readonly_indexes, default=0)
        if highest >= len(addresses):
            return LoadedKeys(own, own_writable, error="InvalidAddressLookupTableIndex")
        extended = found.meta
        from_this_slot |= extended.last_extended_slot >= slot and highest >= extended.last_extended_slot_start_index
        writable += [addresses[index] for index in writable_indexes]
        readonly += [addresses[index] for index in readonly_indexes]
    return LoadedKeys(
        (*own, *writable, *readonly),
        (*own_writable, *writable),
        len(writable),
        len(readonly),
        from_this_slot=from_this_slot,
    )


def _table_in(account: Account | None) -> AddressLookupTable | str:
    """The lookup table in an account, or the transaction error if it is not one."""
    if account is None:
        return "AddressLookupTableNotFound"
    if account.owner != LOOKUP_TABLE_PROGRAM:
        return "InvalidAddressLookupTableOwner"
    return lookup_table_of(account) or "InvalidAddressLookupTableData"
