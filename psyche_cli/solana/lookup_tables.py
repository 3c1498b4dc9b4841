"""Address lookup tables, and the accounts that a message takes from them."""

from __future__ import annotations

from collections.abc import Sequence

from solders.address_lookup_table_account import AddressLookupTable

from psyche_cli.solana.messages import DecodedMessage
from psyche_cli.solana.programs import LOOKUP_TABLE_PROGRAM
from psyche_cli.solana.raw_account import AccountContent


def lookup_table_of(account: AccountContent) -> AddressLookupTable | None:
    """``account`` as an address lookup table; None if it is not one."""
    if account.owner != LOOKUP_TABLE_PROGRAM:
        return None
    try:
        return AddressLookupTable.deserialize(account.data)
    except ValueError:
        return None


def with_tables(message: DecodedMessage, tables: Sequence[AccountContent | None]) -> DecodedMessage:
    """The message with the addresses from its lookup tables, given the accounts of the tables in order.

    The message itself if a table does not exist or has too few addresses: a validator then rejects the transaction.
    """
    found = [None if table is None else lookup_table_of(table) for table in tables]
    every = [[] if table is None else table.addresses for table in found]
    try:
        writable = [keys[i] for lookup, keys in zip(message.lookups, every, strict=True) for i in lookup.writable]
        readonly = [keys[i] for lookup, keys in zip(message.lookups, every, strict=True) for i in lookup.readonly]
    except IndexError:
        return message
    return message.with_loaded(writable, readonly)
