"""What is reported of a transaction: the result of a simulation, or the record of an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.loaded_keys import LoadedKeys
from psyche_cli.localnet.chain.outcomes import Outcome, token_balances
from psyche_cli.localnet.chain.simulation import Simulation

Contents: TypeAlias = "Mapping[Pubkey, Account | None]"
"""Accounts by address; None for each that does not exist."""


def simulation_of(
    transaction: DecodedTransaction,
    loaded: LoadedKeys,
    before: Contents,
    after: Contents,
    outcome: Outcome | None,
    error: Json,
    size: int,
    accounts: Accounts,
) -> Simulation:
    """The result of a simulation. ``outcome`` is None if the transaction would not land; ``size`` is in bytes."""
    keys, balance = loaded.keys, accounts.balance
    return Simulation(
        error=error,
        logs=() if outcome is None else outcome.logs,
        units=0 if outcome is None else outcome.units,
        return_data=None if outcome is None else outcome.return_data,
        inner_instructions=None if outcome is None or outcome.fees_only else outcome.inner_instructions,
        accounts={} if error is not None or outcome is None else outcome.accounts,
        loaded=loaded,
        fee=None if outcome is None else transaction.fee,
        loaded_accounts_data_size=0 if outcome is None else _loaded_bytes(loaded, before, outcome, size),
        pre_balances=tuple([_lamports(before[key]) if key in before else balance(key) for key in keys]),
        post_balances=tuple([_lamports(after[key]) if key in after else balance(key) for key in keys]),
        pre_token_balances=token_balances(keys, before, accounts),
        post_token_balances=token_balances(keys, after, accounts),
    )


def record_of(
    transaction: DecodedTransaction,
    loaded: LoadedKeys,
    before: Contents,
    after: Contents,
    outcome: Outcome,
    error: Json,
    size: int,
    accounts: Accounts,
    tip: Block,
) -> TransactionRecord:
    """The record of a transaction that was executed in the slot of ``tip``, whose accounts have ``size`` bytes."""
    keys, balance = loaded.keys, accounts.balance
    pre_balances, post_balances, changed = [], [], []
    for key in keys:
        if key in before:
            old, new = before[key], after[key]
            pre_balances.append(_lamports(old))
            post_balances.append(_lamports(new))
            if old != new:
                changed.append(key)
        else:
            pre_balances.append(lamports := balance(key))
            post_balances.append(lamports)
    return TransactionRecord(
        signature=transaction.signature,
        raw=transaction.raw,
        slot=tip.slot,
        unix_time=tip.unix_time,
        keys=keys,
        looked_up_writable=loaded.looked_up_writable,
        looked_up_readonly=loaded.looked_up_readonly,
        error=error,
        # Programs only transfer lamports between accounts, so the difference is the fee.
        fee=sum(pre_balances) - sum(post_balances),
        pre_balances=tuple(pre_balances),
        post_balances=tuple(post_balances),
        pre_token_balances=token_balances(keys, before, accounts),
        post_token_balances=token_balances(keys, after, accounts),
        logs=outcome.logs,
        inner_instructions=outcome.inner_instructions,
        units=outcome.units,
        return_data=outcome.return_data,
        changed=tuple(changed),
        loaded_accounts_data_size=_loaded_bytes(loaded, before, outcome, size),
    )


def _loaded_bytes(loaded: LoadedKeys, before: Contents, outcome: Outcome, size: int) -> int:
    """The bytes that a transaction of this size has loaded: of one that cannot be executed, only its payer's."""
    if outcome.fees_only:
        payer = before[loaded.keys[0]]
        return 0 if payer is None else len(payer.data)
    return size


def _lamports(account: Account | None) -> int:
    return 0 if account is None else account.lamports
