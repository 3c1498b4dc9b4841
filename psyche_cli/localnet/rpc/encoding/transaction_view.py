"""Executed transactions as clients want them written: json, jsonParsed, base58 or base64."""

from __future__ import annotations

import base64
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.known_addresses import MEMO_PROGRAMS
from psyche_cli.localnet.chain.transaction_bytes import WireTransaction
from psyche_cli.localnet.rpc.encoding.parsed_instructions import parsed_instruction
from psyche_cli.localnet.rpc.fault import UNSUPPORTED_TRANSACTION_VERSION, Json, RpcFault
from psyche_cli.solana import base58

ENCODINGS: Final = ("json", "jsonParsed", "base64", "base58")


def status_of(error: Json) -> Json:
    """The older form of a verdict: ``{"Ok": null}`` or ``{"Err": error}``."""
    return {"Ok": None} if error is None else {"Err": error}


def transaction_view(record: TransactionRecord, encoding: str, max_version: int | None) -> Json:
    """``{"transaction", "meta"}`` and, for clients that name a version, ``"version"``. Raises RpcFault (-32015)."""
    wire = record.wire
    version = wire.version
    if max_version is None and version != "legacy":
        raise RpcFault(
            UNSUPPORTED_TRANSACTION_VERSION,
            f"Transaction version ({version}) is not supported by the requesting client. Please try the request again "
            f'with the following configuration parameter: "maxSupportedTransactionVersion": {version}',
        )
    view = {"transaction": _encoded(record, wire, encoding), "meta": meta_view(record, wire, encoding)}
    return view if max_version is None else {**view, "version": version}


def accounts_view(record: TransactionRecord, max_version: int | None) -> Json:
    """The ``accounts`` detail of getBlock: which accounts, and the balances."""
    wire = record.wire
    full = meta_view(record, wire, "jsonParsed")
    kept = ("err", "status", "fee", "preBalances", "postBalances", "preTokenBalances", "postTokenBalances")
    view = {
        "transaction": {
            "signatures": [str(signature) for signature in wire.transaction.signatures],
            "accountKeys": _keys_with_roles(record, wire),
        },
        "meta": {key: full[key] for key in kept},
    }
    return view if max_version is None else {**view, "version": wire.version}


def _encoded(record: TransactionRecord, wire: WireTransaction, encoding: str) -> Json:
    if encoding == "base58":
        return [base58.encode(wire.raw), "base58"]
    if encoding == "base64":
        return [base64.b64encode(wire.raw).decode(), "base64"]
    message = _parsed_message(record, wire) if encoding == "jsonParsed" else _raw_message(wire)
    if wire.version == 0:
        message["addressTableLookups"] = [
            {"accountKey": str(table), "writableIndexes": list(writable), "readonlyIndexes": list(readonly)}
            for table, writable, readonly in wire.lookups
        ]
    return {"signatures": [str(signature) for signature in wire.transaction.signatures], "message": message}


def _raw_message(wire: WireTransaction) -> Json:
    header = wire.message.header
    return {
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "accountKeys": [str(key) for key in wire.static_keys],
        "recentBlockhash": str(wire.recent_blockhash),
        "instructions": [
            {
                "programIdIndex": instruction.program_id_index,
                "accounts": list(instruction.accounts),
                "data": base58.encode(bytes(instruction.data)),
                "stackHeight": None,
            }
            for instruction in wire.message.instructions
        ],
    }


def _keys_with_roles(record: TransactionRecord, wire: WireTransaction) -> Json:
    static = len(wire.static_keys)
    signers = wire.message.header.num_required_signatures
    return [
        {
            "pubkey": str(key),
            "signer": index < signers,
            "writable": (
                wire.is_static_key_writable(index) if index < static else index < static + record.looked_up_writable
            ),
            "source": "transaction" if index < static else "lookupTable",
        }
        for index, key in enumerate(record.keys)
    ]


def _parsed_message(record: TransactionRecord, wire: WireTransaction) -> Json:
    keys = record.keys
    return {
        "accountKeys": _keys_with_roles(record, wire),
        "recentBlockhash": str(wire.recent_blockhash),
        "instructions": [
            parsed_instruction(
                keys[instruction.program_id_index],
                [keys[account] for account in bytes(instruction.accounts)],
                bytes(instruction.data),
                None,
            )
            for instruction in wire.message.instructions
        ],
    }


def parsed_inner_instructions(inner: Json, keys: tuple[Pubkey, ...]) -> Json:
    """Inner instructions as jsonParsed has them."""
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


def meta_view(record: TransactionRecord, wire: WireTransaction, encoding: str) -> Json:
    """What the execution did."""
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
        "preTokenBalances": record.pre_token_balances,
        "postTokenBalances": record.post_token_balances,
        "rewards": [],
        "computeUnitsConsumed": record.units,
    }
    if record.return_data is not None:
        meta["returnData"] = record.return_data
    if not parsed:
        static = len(wire.static_keys)
        writable_end = static + record.looked_up_writable
        meta["loadedAddresses"] = {
            "writable": [str(key) for key in record.keys[static:writable_end]],
            "readonly": [str(key) for key in record.keys[writable_end:]],
        }
    return meta


def memo_of(record: TransactionRecord) -> str | None:
    """The texts of its memo instructions, each with its length in bytes, as getSignaturesForAddress shows them."""
    memos = []
    for instruction in record.wire.message.instructions:
        if record.keys[instruction.program_id_index] in MEMO_PROGRAMS:
            data = bytes(instruction.data)
            memos.append(f"[{len(data)}] {data.decode('utf-8', 'replace')}")
    return "; ".join(memos) or None
