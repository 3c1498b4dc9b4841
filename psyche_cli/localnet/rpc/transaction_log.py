"""The validator's log: one line per transaction with its instructions, fee payer and outcome."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli import base58
from psyche_cli.json_values import Json
from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.localnet.chain.history import TransactionRecord
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.localnet.rpc.encoding.parsed.instructions import parsed_instruction
from psyche_cli.localnet.rpc.error_texts import transaction_error_text
from psyche_cli.protocol.errors.program_errors import explain_failure
from psyche_cli.protocol.instructions.idl_decoder import instructions_by_discriminator, snake_case
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.programs import COMPUTE_BUDGET_PROGRAM, LOOKUP_TABLE_PROGRAM, MEMO_PROGRAMS

_BY_PROGRAM_ONLY: Final = frozenset((*MEMO_PROGRAMS, LOOKUP_TABLE_PROGRAM, COMPUTE_BUDGET_PROGRAM))
"""The programs whose instructions are all shown alike."""
_PSYCHE_NAMES: Final = {address: name for name, address in PSYCHE_PROGRAMS.items()}
_MOST_INSTRUCTIONS: Final = 6


def executed_line(record: TransactionRecord, transaction: DecodedTransaction) -> str:
    """The line for an executed transaction, successful or failed; ``transaction`` is the decoded record."""
    what = _instructions(transaction, record.keys, record.inner_instructions)
    outcome = "ok" if record.error is None else f"failed: {_failure(record, transaction)}"
    payer = transaction.static_keys[0]
    return f"slot {record.slot}  {what}  by {payer}  {outcome}  {record.units:,} CU  {record.signature}"


def dropped_line(transaction: DecodedTransaction, keys: Sequence[Pubkey], error: Json) -> str:
    """The line for a transaction that was accepted but cannot be executed, such as one with an expired blockhash."""
    what = _instructions(transaction, keys, [])
    return f"dropped  {what}  by {transaction.static_keys[0]}  {transaction_error_text(error)}  {transaction.signature}"


def _failure(record: TransactionRecord, transaction: DecodedTransaction) -> str:
    """The node's error message and, if a program returned a code, the program's name for it."""
    sentence = transaction_error_text(record.error)
    programs = [record.keys[instruction.program_id_index] for instruction in transaction.message.instructions]
    failure = explain_failure(record.error, record.logs, programs, PUBLISHED)
    return sentence if failure.code is None else f"{sentence} ({failure.program_name}: {failure.name})"


def _instructions(transaction: DecodedTransaction, keys: Sequence[Pubkey], inner: Json) -> str:
    """The instructions by program and name, with inner calls of the Psyche programs in brackets.

    Compute budget instructions are omitted, unless there are no others.
    """
    calls = {outer["index"]: outer["instructions"] for outer in inner}
    named, budget = [], []
    for index, instruction in enumerate(transaction.message.instructions):
        if max(instruction.program_id_index, *bytes(instruction.accounts), 0) >= len(keys):
            named.append("(unresolved lookup)")
            continue
        program = keys[instruction.program_id_index]
        accounts = [keys[account] for account in bytes(instruction.accounts)]
        name = _name(program, accounts, bytes(instruction.data))
        if program == COMPUTE_BUDGET_PROGRAM:
            budget.append(name)
            continue
        inside = list(_psyche_calls(calls.get(index, ()), keys))
        named.append(f"{name} [{_joined(inside)}]" if inside else name)
    return _joined(named or budget) or "no instructions"


def _psyche_calls(instructions: Json, keys: Sequence[Pubkey]) -> Iterator[str]:
    for instruction in instructions:
        program = keys[instruction["programIdIndex"]]
        if program in _PSYCHE_NAMES:
            yield _name(program, (), base58.decode(instruction["data"]))


def _joined(names: Sequence[str]) -> str:
    """The names with repetitions counted; the first six only."""
    groups = [(name, len(list(group))) for name, group in itertools.groupby(names)]
    shown = [name if count == 1 else f"{name} x{count}" for name, count in groups[:_MOST_INSTRUCTIONS]]
    more = sum(count for _, count in groups[_MOST_INSTRUCTIONS:])
    return " + ".join([*shown, f"{more} more"] if more else shown)


def _name(program: Pubkey, accounts: Sequence[Pubkey], data: bytes) -> str:
    """``coordinator::set_paused``, ``system::transfer``; for an unknown program, its address."""
    if program in _PSYCHE_NAMES:
        program_name = _PSYCHE_NAMES[program]
        entry = instructions_by_discriminator(program_name).get(data[:DISCRIMINATOR_BYTES])
        return f"{program_name}::{'unknown' if entry is None else snake_case(entry['name'])}"
    name = PUBLISHED.name_of(program)
    if program in _BY_PROGRAM_ONLY:
        return name
    parsed = parsed_instruction(program, accounts, data, None).get("parsed")
    if parsed is not None:
        return f"{name}::{snake_case(parsed['type'])}"
    return name if name == str(program) else f"{name}::unknown"
