"""The payments that instructions state."""

from __future__ import annotations

import pytest
from solders import system_program as system
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message
from solders.pubkey import Pubkey
from spl.token import instructions as token

from psyche_cli.protocol.addresses import associated_token_address
from psyche_cli.protocol.instructions.builder import Instructions
from psyche_cli.protocol.instructions.descriptions import describe_instructions
from psyche_cli.protocol.instructions.transfers import StatedTransfer, stated_transfers
from psyche_cli.solana.messages import decode_message
from psyche_cli.solana.programs import TOKEN_2022_PROGRAM, TOKEN_PROGRAM

A, B, C, MINT, RUN = (Pubkey.new_unique() for _ in range(5))


def stated(*instructions: Instruction) -> list[StatedTransfer]:
    message = Message.new_with_blockhash([*instructions], A, Hash.default())
    return stated_transfers(describe_instructions(decode_message(bytes(message))))


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (
            system.transfer(system.TransferParams(from_pubkey=A, to_pubkey=B, lamports=5)),
            StatedTransfer(A, B, lamports=5),
        ),
        (
            Instructions().create_coordinator_account(payer=A, account=B, lamports=7),
            StatedTransfer(A, B, lamports=7),
        ),
        (
            system.withdraw_nonce_account(
                system.WithdrawNonceAccountParams(nonce_pubkey=B, authorized_pubkey=A, to_pubkey=C, lamports=9)
            ),
            StatedTransfer(B, C, lamports=9),
        ),
        (
            token.transfer(token.TransferParams(program_id=TOKEN_2022_PROGRAM, source=B, dest=C, owner=A, amount=5)),
            StatedTransfer(B, C, base_units=5),
        ),
        (
            Instructions().transfer_tokens(owner=A, source=B, mint=MINT, destination=C, amount=5, decimals=6),
            StatedTransfer(B, C, base_units=5, decimals=6, mint=MINT),
        ),
        (
            Instructions().mint_tokens(authority=A, mint=MINT, destination=C, amount=5, decimals=6),
            StatedTransfer(None, C, base_units=5, decimals=6, mint=MINT),
        ),
        (
            token.burn(token.BurnParams(program_id=TOKEN_PROGRAM, account=B, mint=MINT, owner=A, amount=5)),
            StatedTransfer(B, None, base_units=5, mint=MINT),
        ),
        (
            Instructions().participant_claim(
                user=A, user_collateral=B, run=RUN, collateral_mint=MINT, account=C, points=258
            ),
            StatedTransfer(associated_token_address(RUN, MINT), B, base_units=258),
        ),
    ],
)
def test_payments(instruction: Instruction, expected: StatedTransfer) -> None:
    assert stated(instruction) == [expected]


def test_what_pays_nothing() -> None:
    broken = Instruction(system.ID, b"\2\0\0\0", [])
    unknown = Instruction(C, b"\2", [])
    assign = system.assign(system.AssignParams(pubkey=A, owner=B))
    revoke = token.revoke(token.RevokeParams(program_id=TOKEN_PROGRAM, account=B, owner=A))
    tick = Instructions().tick(user=A, instance=B, account=C)
    assert stated(broken, unknown, assign, revoke, tick) == []
