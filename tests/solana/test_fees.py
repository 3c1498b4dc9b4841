"""The fee that a message states."""

from __future__ import annotations

import pytest
from solders.compute_budget import request_heap_frame, set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import Message
from solders.pubkey import Pubkey

from psyche_cli.solana.fees import MessageFee, fee_of
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.programs import COMPUTE_BUDGET_PROGRAM

A, B, PROGRAM = (Pubkey.new_unique() for _ in range(3))
CALL = Instruction(PROGRAM, b"", [AccountMeta(B, True, False)])
BROKEN = Instruction(COMPUTE_BUDGET_PROGRAM, b"\2\0", [])


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ([], MessageFee(5_000, 0, None, 0)),
        ([CALL], MessageFee(10_000, 0, None, 0)),
        ([CALL, set_compute_unit_limit(300)], MessageFee(10_000, 0, 300, 0)),
        ([set_compute_unit_limit(1_000_001), set_compute_unit_price(1)], MessageFee(5_000, 2, 1_000_001, 1)),
        ([CALL, set_compute_unit_price(10), request_heap_frame(1024)], MessageFee(10_000, 2, None, 10)),
        ([CALL] * 9 + [set_compute_unit_price(1_000_000)], MessageFee(10_000, 1_400_000, None, 1_000_000)),
        ([BROKEN, set_compute_unit_limit(2**32 - 1), set_compute_unit_price(10)], MessageFee(5_000, 14, 2**32 - 1, 10)),
    ],
)
def test_fees(instructions: list[Instruction], expected: MessageFee) -> None:
    message = Message.new_with_blockhash(instructions, A, Hash.default())
    assert fee_of(decode_message(bytes(message))) == expected
