"""Conversion of LiteSVM's execution results to their JSON-RPC form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction_metadata import FailedTransactionMetadata, TransactionMetadata

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.token_state import DecimalsOf, token_amount
from psyche_cli.solana.token_state import token_account_of


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
    if error == "InvalidProgramForExecution":
        # LiteSVM reports the same error for an invalid and for a missing program.
        keys = transaction.static_keys
        programs = {keys[instruction.program_id_index] for instruction in transaction.message.instructions}
        if any(account_of(program) is None for program in programs):
            return "ProgramAccountNotFound"
    return error


def token_balances(keys: Sequence[Pubkey], accounts: Mapping[Pubkey, Account | None], decimals_of: DecimalsOf) -> Json:
    """The token accounts among ``keys`` with their balances."""
    balances = []
    for index, key in enumerate(keys):
        account = accounts.get(key)
        token_account = None if account is None else token_account_of(account)
        if account is None or token_account is None:
            continue
        decimals = decimals_of(token_account.mint)
        if decimals is not None:
            balances.append(
                {
                    "accountIndex": index,
                    "mint": str(token_account.mint),
                    "owner": str(token_account.owner),
                    "programId": str(account.owner),
                    "uiTokenAmount": token_amount(token_account.amount, decimals),
                }
            )
    return balances
