"""JSON encoding of executed transactions: json, jsonParsed, base58 or base64."""

from __future__ import annotations

import base64
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction, parse_transaction
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.rpc.fault import RpcFault
from psyche_cli.solana.programs import MEMO_PROGRAMS
from psyche_cli.solana.rpc.codes import UNSUPPORTED_TRANSACTION_VERSION

_OUTER_HEIGHT: Final = 1
_LEAST_SHOWN: Final = 2.0**-52
_FIRST_MEMO_PROGRAM, _MEMO_PROGRAM = map(bytes, MEMO_PROGRAMS)


def status_of(error: Json) -> Json:
    """The deprecated ``status`` field: ``{"Ok": null}`` or ``{"Err": error}``."""
    return {"Ok": None} if error is None else {"Err": error}


def transaction_view(
    record: TransactionRecord, encoding: str, max_version: int | None, *, rewards: bool = True
) -> Json:
    """``{"transaction", "meta"}`` and, if ``max_version`` is given, ``"version"``. Raises RpcFault (-32015).

    Without ``rewards``, those of ``meta`` are null.
    """
    transaction = record.decoded
    version = transaction.version
    if max_version is None and version != "legacy":
        raise RpcFault(
            UNSUPPORTED_TRANSACTION_VERSION,
            f"Transaction version ({version}) is not supported by the requesting client. Please try the request again "
            f'with the following configuration parameter: "maxSupportedTransactionVersion": {version}',
        )
    meta = meta_view(record, transaction, encoding)
    if not rewards:
        meta["rewards"] = None
    view = {"transaction": _encoded(record, transaction, encoding), "meta": meta}
    return view if max_version is None else {**view, "version": version}


def accounts_view(record: TransactionRecord, max_version: int | None, *, rewards: bool = True) -> Json:
    """The ``accounts`` level of detail of getBlock: account keys and balances. Raises RpcFault (-32015)."""
    transaction = record.decoded
    full = meta_view(record, transaction, "jsonParsed")
    kept = ["err", "status", "fee", "preBalances", "postBalances", "preTokenBalances", "postTokenBalances"]
    if rewards:
        kept.append("rewards")
    view = {
        "transaction": {
            "signatures": [str(signature) for signature in transaction.versioned.signatures],
            "accountKeys": _keys_with_roles(record, transaction),
        },
        "meta": {key: full[key] for key in kept},
    }
    return view if max_version is None else {**view, "version": transaction.version}


def _encoded(record: TransactionRecord, transaction: DecodedTransaction, encoding: str) -> Json:
    if encoding == "binary":
        return base58.encode(transaction.raw)
    if encoding == "base58":
        return [base58.encode(transaction.raw), "base58"]
    if encoding == "base64":
        return [base64.b64encode(transaction.raw).decode(), "base64"]
    message = _parsed_message(record, transaction) if encoding == "jsonParsed" else _raw_message(transaction)
    if transaction.version == 0:
        message["addressTableLookups"] = [
            {"accountKey": str(table), "writableIndexes": list(writable), "readonlyIndexes": list(readonly)}
            for table, writable, readonly in transaction.lookups
        ]
    return {"signatures": [str(signature) for signature in transaction.versioned.signatures], "message": message}


def _raw_message(transaction: DecodedTransaction) -> Json:
    header = transaction.message.header
    return {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(key) for key in transaction.static_keys],
        "recentBlockhash": str(transaction.recent_blockhash),
        "instructions": [
            {
                "programIdIndex": instruction.program_id_index,
                "accounts": list(instruction.accounts),
                "data": base58.encode(bytes(instruction.data)),
                "stackHeight": _OUTER_HEIGHT,
            }
            for instruction in transaction.message.instructions
        ],
    }


def _keys_with_roles(record: TransactionRecord, transaction: DecodedTransaction) -> Json:
    static = len(transaction.static_keys)
    signers = transaction.message.header.num_required_signatures
    return [
        {
            "pubkey": str(key),
            "signer": index < signers,
            "writable": (
                transaction.is_static_key_writable(index)
                if index < static
                else index < static + record.looked_up_writable
            ),
            "source": "transaction" if index < static else "lookupTable",
        }
        for index, key in enumerate(record.keys)
    ]


def _parsed_message(record: TransactionRecord, transaction: DecodedTransaction) -> Json:
    from psyche_cli.localnet.rpc.encoding.parsed.instructions import parsed_instruction

    keys = record.keys
    return {
        "accountKeys": _keys_with_roles(record, transaction),
        "recentBlockhash": str(transaction.recent_blockhash),
        "instructions": [
            parsed_instruction(
                keys[instruction.program_id_index],
                [keys[account] for account in bytes(instruction.accounts)],
                bytes(instruction.data),
                _OUTER_HEIGHT,
            )
            for instruction in transaction.message.instructions
        ],
    }


def parsed_inner_instructions(inner: Json, keys: tuple[Pubkey, ...]) -> Json:
    """Inner instructions in their ``jsonParsed`` form."""
    from psyche_cli.localnet.rpc.encoding.parsed.instructions import parsed_instruction

    return [
        {
            "index": outer["index"],
            "instructions": [
                parsed_instruction(
                    keys[item["programIdIndex"]],
                    [keys[account] for account in item["accounts"]],
                    base58.decode(item["data"]),
                    item["stackHeight"],
                )
                for item in outer["instructions"]
            ],
        }
        for outer in inner
    ]


def meta_view(record: TransactionRecord, transaction: DecodedTransaction, encoding: str) -> Json:
    """The ``meta`` object of an executed transaction."""
    parsed = encoding == "jsonParsed"
    inner = record.inner_instructions
    meta = {
        "err": record.error,
        "status": status_of(record.error),
        "fee": record.fee,
        "preBalances": list(record.pre_balances),
        "postBalances": list(record.post_balances),
        "innerInstructions": parsed_inner_instructions(inner, record.keys) if parsed else inner,
        "logMessages": list(record.logs),
        "preTokenBalances": _stored_amounts(record.pre_token_balances),
        "postTokenBalances": _stored_amounts(record.post_token_balances),
        "rewards": [],
        "computeUnitsConsumed": record.units,
        "costUnits": record.cost_units,
    }
    if record.return_data is not None:
        meta["returnData"] = record.return_data
    if not parsed:
        static = len(transaction.static_keys)
        writable_end = static + record.looked_up_writable
        meta["loadedAddresses"] = {
            "writable": [str(key) for key in record.keys[static:writable_end]],
            "readonly": [str(key) for key in record.keys[writable_end:]],
        }
    return meta


def _stored_amounts(balances: Json) -> Json:
    """Token balances as nodes read them from their ledger, where a UI amount of zero cannot be told from an absent one.

    They compare with the machine epsilon, 2^-52.
    """
    return [
        balance
        if abs(balance["uiTokenAmount"]["uiAmount"]) > _LEAST_SHOWN
        else {**balance, "uiTokenAmount": {**balance["uiTokenAmount"], "uiAmount": None}}
        for balance in balances
    ]


def memo_of(raw: bytes) -> str | None:
    """The text of each memo instruction of a transaction with its length in bytes, as in getSignaturesForAddress."""
    if _FIRST_MEMO_PROGRAM not in raw and _MEMO_PROGRAM not in raw:
        return None
    transaction, memos = parse_transaction(raw), []
    for instruction in transaction.message.instructions:
        if transaction.static_keys[instruction.program_id_index] in MEMO_PROGRAMS:
            data = bytes(instruction.data)
            memos.append(f"[{len(data)}] {data.decode('utf-8', 'replace')}")
    return "; ".join(memos) or None
