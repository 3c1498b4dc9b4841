"""The compute budget instructions of a transaction, as validators read them before they check anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.limits import MAX_LOADED_BYTES
from psyche_cli.localnet.chain.decoded_transaction import DecodedTransaction
from psyche_cli.solana.programs import COMPUTE_BUDGET_PROGRAM

_SET_LOADED_BYTES: Final = 4
_SIZES: Final = {1: 4, 2: 4, 3: 8, _SET_LOADED_BYTES: 4}
"""The bytes of the argument of each instruction: heap size, unit limit, unit price, and limit of loaded data."""


@dataclass(frozen=True)
class BudgetRequest:
    """What a transaction requests: at most ``loaded_bytes`` of loaded account data.

    ``fault`` is the transaction error if the instructions are invalid or repeated. That a heap size is invalid, or the
    limit of loaded data 0, is found by the VM.
    """

    loaded_bytes: int = MAX_LOADED_BYTES
    fault: Json = None


_DEFAULT: Final = BudgetRequest()


def budget_request_of(transaction: DecodedTransaction) -> BudgetRequest:
    """The compute budget that a transaction requests."""
    if COMPUTE_BUDGET_PROGRAM not in transaction.programs:
        return _DEFAULT
    found: dict[int, int] = {}
    for index, (program, instruction) in enumerate(zip(transaction.programs, transaction.instructions, strict=True)):
        if program != COMPUTE_BUDGET_PROGRAM:
            continue
        data = bytes(instruction.data)
        size = _SIZES.get(data[0]) if data else None
        # Bytes after the argument are ignored.
        if size is None or len(data) < 1 + size:
            return BudgetRequest(fault={"InstructionError": [index, "InvalidInstructionData"]})
        if data[0] in found:
            return BudgetRequest(fault={"DuplicateInstruction": index})
        found[data[0]] = int.from_bytes(data[1 : 1 + size], "little")
    return BudgetRequest(min(found.get(_SET_LOADED_BYTES, MAX_LOADED_BYTES), MAX_LOADED_BYTES))
