"""What the rows of a ledger file look like: tables, declared fields in their order, and bytes of samples.

``python -m tests.localnet.ledger_form`` records it for the present ``FORMAT``, which it must have been raised for.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from solders.account import Account
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import Transaction

from psyche_cli.localnet.chain.blockhashes import Block
from psyche_cli.localnet.chain.decoded_transaction import parse_transaction
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.journal import ChainTime
from psyche_cli.localnet.storage.checksums import address_key, pair_digest, sealed, signature_key
from psyche_cli.localnet.storage.ledger_file import FORMAT, create_file
from psyche_cli.localnet.storage.ledger_state import LedgerHeader, LedgerState, SetDigest
from psyche_cli.localnet.storage.rows import written_account, written_block, written_details, written_summary

RECORDED: Final = Path(__file__).with_name("ledger_form.txt")
_ROWS: Final = (Block, TransactionRecord, LedgerHeader, ChainTime, LedgerState)
_KEY: Final = Pubkey.from_bytes(bytes(range(32)))
_HEADER: Final = LedgerHeader(Hash(bytes(range(32))), ChainTime(1, 2, 3, 4), ((5, 6),))


def heading() -> str:
    """The first line of the recorded form."""
    return f"format {FORMAT}\n"


def form() -> str:
    """The form of all rows, as text."""
    return "".join(f"{line}\n" for part in (_tables(), _fields(), _samples()) for line in part)


def _tables() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        create_file(Path(folder) / "ledger", _HEADER, ())
        connection = sqlite3.connect(Path(folder) / "ledger")
        rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").fetchall()
        [application] = connection.execute("PRAGMA application_id").fetchone()
        connection.close()
    yield f"application {application:#x}"
    for (statement,) in rows:
        yield statement


def _fields() -> Iterator[str]:
    for kind in _ROWS:
        yield f"{kind.__name__}: {', '.join(f'{field.name} {field.type}' for field in fields(kind))}"
    yield f"SetDigest: {', '.join(SetDigest._fields)}"


def _samples() -> Iterator[str]:
    block = Block(1, 2, 3, Hash(bytes(range(32))), Hash(bytes(range(32, 64))), 4)
    accounts, signatures, addresses, blocks = (SetDigest(number, number + 1) for number in range(7, 15, 2))
    state = LedgerState(1, 2, 3, 4, 5, accounts, signatures, addresses, blocks, is_closed=True)
    record = sample_record()
    for name, content in {
        "header": _HEADER.packed,
        "state": state.pack(),
        "account": written_account(Account(1, b"data", _KEY, True, 2)),
        "block": written_block(block),
        "summary": written_summary(record),
        "details": written_details(record),
        "sealed": sealed(b"content", b"key"),
    }.items():
        yield f"{name} {content.hex()}"
    yield f"keys {address_key(_KEY)} {signature_key(record.signature)} {pair_digest(2**60, 10**6)}"


def sample_record() -> TransactionRecord:
    """A record of a transfer whose fields all differ."""
    payer, blockhash = Keypair.from_seed(bytes(32)), Hash(bytes(range(32)))
    instruction = transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=_KEY, lamports=1))
    message = Message.new_with_blockhash([instruction], payer.pubkey(), blockhash)
    raw = bytes(Transaction([payer], message, blockhash))
    transaction = parse_transaction(raw)
    values: dict[str, Any] = {
        "signature": transaction.signature,
        "raw": raw,
        "keys": (*transaction.static_keys, Pubkey(bytes([1] * 32)), Pubkey(bytes([2] * 32))),
        "looked_up_writable": 1,
        "looked_up_readonly": 1,
        "changed": (_KEY, payer.pubkey()),
        "error": {"InstructionError": [0, {"Custom": 1}]},
    }
    for number, field in enumerate(fields(TransactionRecord), 10):
        if field.name not in values:
            of_tuple = {"tuple[int, ...]": (number, number + 1), "tuple[str, ...]": (f"{number}",)}
            values[field.name] = of_tuple.get(str(field.type), number)
    return TransactionRecord(**values)


if __name__ == "__main__":
    recorded = RECORDED.read_text(encoding="ascii") if RECORDED.exists() else ""
    if recorded.startswith(heading()) and recorded != heading() + form():
        sys.exit("The form of the rows has changed: raise FORMAT first.")
    RECORDED.write_text(heading() + form(), encoding="ascii")
