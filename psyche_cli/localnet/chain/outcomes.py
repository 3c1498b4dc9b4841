"""Conversion of LiteSVM's execution results to their JSON-RPC form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from solders.account import Account
from solders.pubkey import Pubkey
from solders.token.state import TokenAccount
from solders.transaction_metadata import (
    FailedTransactionMetadata,
    SimulatedTransactionInfo,
    TransactionMetadata,
)

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.accounts import Accounts
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.deferred import DeferredJson
from psyche_cli.localnet.chain.token_state import token_amount
from psyche_cli.solana.token_state import TOKEN_PROGRAMS, token_account_of

_INVALID_PROGRAM: Final = "InvalidProgramForExecution"
_MISSING_PROGRAM: Final = "ProgramAccountNotFound"
_TOO_MUCH_DATA: Final = "MaxLoadedAccountsDataSizeExceeded"


def inner_instructions(meta: TransactionMetadata) -> Json:
    """The inner instructions, by the index of the top-level instruction."""
    outer = []
    for index, inner in enumerate(meta.inner_instructions()):
        if not inner:
            continue
        instructions = []
        for item in inner:
            compiled = item.instruction()
            instructions.append(
                {
                    "programIdIndex": compiled.program_id_index,
                    "accounts": list(compiled.accounts),
                    "data": base58.encode(bytes(compiled.data)),
                    # stack_height() and return_data() are missing from solders' type stubs.
                    "stackHeight": cast(Any, item).stack_height(),
                }
            )
        outer.append({"index": index, "instructions": instructions})
    return outer


def return_data(meta: TransactionMetadata) -> Json:
    """The return data of the last program that set any, or None."""
    returned = cast(Any, meta).return_data()
    data = bytes(returned.data)
    if not data:
        return None
    return {"programId": str(returned.program_id), "data": [base64.b64encode(data).decode(), "base64"]}


def transaction_error(
    failed: FailedTransactionMetadata, transaction: DecodedTransaction, account_of: Callable[[Pubkey], Account | None]
) -> Json:
    """The transaction error in its JSON-RPC form."""
    error = json.loads(failed.to_json())["err"]
    # LiteSVM reports the same error for an invalid and for a missing program.
    if error == _INVALID_PROGRAM and any(account_of(program) is None for program in transaction.programs):
        return _MISSING_PROGRAM
    return error


@dataclass
class Outcome:
    """What the VM reports of a transaction. ``accounts`` are those that a successful simulation has written.

    ``executed`` is False if the VM has not executed it. With ``fees_only``, it nevertheless lands and pays its fee.
    """

    error: Json
    executed: bool
    logs: tuple[str, ...]
    units: int
    inner_instructions: DeferredJson
    return_data: Json
    accounts: dict[Pubkey, Account]

    @property
    def fees_only(self) -> bool:
        """Whether the transaction lands, though its accounts cannot be loaded."""
        return not self.executed and self.error in (_MISSING_PROGRAM, _INVALID_PROGRAM, _TOO_MUCH_DATA)

    @classmethod
    def of_too_much_data(cls) -> Outcome:
        """The outcome of a transaction whose accounts hold more data than it may load."""
        return cls(_TOO_MUCH_DATA, False, (), 0, [], None, {})

    @classmethod
    def of_missing_program(cls) -> Outcome:
        """The outcome of a transaction with a program that does not exist."""
        return cls(_MISSING_PROGRAM, False, (), 0, [], None, {})


def outcome_of(
    result: TransactionMetadata | FailedTransactionMetadata | SimulatedTransactionInfo,
    transaction: DecodedTransaction,
    account_of: Callable[[Pubkey], Account | None],
) -> Outcome:
    """The outcome of an execution or a simulation by the VM."""
    meta = result if isinstance(result, TransactionMetadata) else result.meta()
    error = (
        transaction_error(result, transaction, account_of) if isinstance(result, FailedTransactionMetadata) else None
    )
    logs = tuple(meta.logs())
    return Outcome(
        # Every executed instruction logs its invocation.
        executed=error is None or bool(logs),
        error=error,
        logs=logs,
        units=meta.compute_units_consumed(),
        inner_instructions=partial(inner_instructions, meta) if any(meta.inner_instructions()) else [],
        return_data=return_data(meta),
        accounts=dict(result.post_accounts()) if isinstance(result, SimulatedTransactionInfo) else {},
    )


def token_balances(keys: Sequence[Pubkey], read: Mapping[Pubkey, Account | None], accounts: Accounts) -> DeferredJson:
    """The token accounts among ``keys`` with their balances, if a token program is one of them, as on a cluster.

    ``read`` are the accounts that may have changed. Usually a function, which makes the list when it is wanted.
    """
    if TOKEN_PROGRAMS.isdisjoint(keys):
        return []
    found = []
    for index, key in enumerate(keys):
        account = read[key] if key in read else accounts.get_of(key, TOKEN_PROGRAMS)
        token_account = None if account is None else token_account_of(account)
        if account is not None and token_account is not None:
            decimals = accounts.mint_decimals(token_account.mint)
            if decimals is not None:
                found.append((index, token_account, account.owner, decimals))
    return partial(_token_balances, tuple(found))


def _token_balances(found: Sequence[tuple[int, TokenAccount, Pubkey, int]]) -> Json:
    return [
        {
            "accountIndex": index,
            "mint": str(account.mint),
            "owner": str(account.owner),
            "programId": str(program),
            "uiTokenAmount": token_amount(account.amount, decimals),
        }
        for index, account, program, decimals in found
    ]
