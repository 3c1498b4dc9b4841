"""What a transaction loads and costs: the size of its accounts, and the cost by which a leader fills its blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.programs import PRECOMPILES, UPGRADEABLE_LOADER

_ACCOUNT_BASE_BYTES: Final = 64
"""What every loaded account counts in addition to its data (SIMD-0186)."""
_SIGNATURE_COST: Final = 720
_VERIFICATION_COSTS: Final = tuple(zip(PRECOMPILES, (2400, 6690, 4800), strict=True))
"""The cost of each signature that a precompile verifies."""
_WRITE_LOCK_COST: Final = 300
_DATA_BYTES_PER_UNIT: Final = 4
_LOADED_PAGE_BYTES: Final = 32 * 1024
_LOADED_PAGE_COST: Final = 8
_PROGRAM_BYTES: Final = 36
_PROGRAM_DATA_ADDRESS: Final = slice(4, 36)


def loaded_bytes(keys: Iterable[Pubkey], read: Mapping[Pubkey, Account | None], accounts: Accounts) -> int:
    """The bytes that the accounts of a transaction count as loaded; those that do not exist count nothing.

    ``read`` are those that have already been read. The program data account of an upgradeable program counts too
    (SIMD-0186).
    """
    total = 0
    for key in keys:
        if key in read:
            account = read[key]
            size = None if account is None else len(account.data)
        else:
            size = accounts.size_of(key)
        if size is not None:
            total += _ACCOUNT_BASE_BYTES + size
            if accounts.index.owner_of(key) == UPGRADEABLE_LOADER:
                total += _program_data_bytes(key, accounts)
    return total


def _program_data_bytes(program: Pubkey, accounts: Accounts) -> int:
    account = accounts.get(program)
    if account is None or not account.executable:
        return 0
    data = bytes(account.data)
    size = accounts.size_of(Pubkey(data[_PROGRAM_DATA_ADDRESS])) if len(data) == _PROGRAM_BYTES else None
    return 0 if size is None else _ACCOUNT_BASE_BYTES + size


def cost_units(transaction: DecodedTransaction, writable: int, units: int, loaded: int) -> int:
    """The cost of a transaction with ``writable`` writable accounts, which consumed ``units`` and loaded ``loaded``
    bytes.

    The cost model of a validator: signatures, write locks, instruction data, compute units and loaded pages.
    """
    verified = sum(cost * transaction.verified_by(program) for program, cost in _VERIFICATION_COSTS)
    data = sum(len(instruction.data) for instruction in transaction.instructions)
    return (
        _SIGNATURE_COST * transaction.required_signatures
        + verified
        + _WRITE_LOCK_COST * writable
        + data // _DATA_BYTES_PER_UNIT
        + units
        + _LOADED_PAGE_COST * -(-loaded // _LOADED_PAGE_BYTES)
    )
