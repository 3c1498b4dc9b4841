"""A simulation uses as many compute units as the execution, so that clients can take it for their limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, create_account

from psyche_cli.solana.programs import TOKEN_2022_PROGRAM
from tests.localnet.harness import BASE64, MEMO, SOL, Chain, move, text
from tests.localnet.packing import pack
from tests.localnet.tokens import new_mint

Made = tuple[list[Instruction], tuple[Keypair, ...]]
MINT_WITH_RATE = 222
OUT_OF_UNITS = ("ComputationalBudgetExceeded", "ProgramFailedToComplete")


def transfer(chain: Chain) -> Made:
    return [move(chain.payer, Pubkey.new_unique(), SOL)], ()


def memo(_: Chain) -> Made:
    return [Instruction(MEMO, "a memo with an é".encode(), [])], ()


def mint_and_holder(chain: Chain) -> Made:
    made = new_mint(chain.payer.pubkey(), rent=1_461_600, decimals=6, base_units=5)
    return made.instructions, (made.mint,)


def rate_of(chain: Chain, mint: Pubkey, rate: int) -> Instruction:
    accounts = [AccountMeta(mint, False, True), AccountMeta(chain.payer.pubkey(), True, False)]
    return Instruction(TOKEN_2022_PROGRAM, pack(b"\x21\1", ("h", rate)), accounts)


def new_mint_with_rate(chain: Chain) -> tuple[Pubkey, Made]:
    """A mint with interest, whose program reads the clock."""
    mint, owner = Keypair(), chain.payer.pubkey()
    meta = [AccountMeta(mint.pubkey(), False, True)]
    create = CreateAccountParams(
        from_pubkey=owner, to_pubkey=mint.pubkey(), lamports=5_000_000, space=MINT_WITH_RATE, owner=TOKEN_2022_PROGRAM
    )
    instructions = [
        create_account(create),
        Instruction(TOKEN_2022_PROGRAM, pack(b"\x21\0", owner, ("h", 100)), meta),
        Instruction(TOKEN_2022_PROGRAM, pack(b"\x14\6", owner, b"\0"), meta),
    ]
    return mint.pubkey(), (instructions, (mint,))


def mint_with_rate(chain: Chain) -> Made:
    return new_mint_with_rate(chain)[1]


def another_rate(chain: Chain) -> Made:
    mint, (instructions, others) = new_mint_with_rate(chain)
    chain.send(chain.sign(*instructions, others=others))
    return [rate_of(chain, mint, 300)], ()


@pytest.mark.parametrize("kind", [transfer, memo, mint_and_holder, mint_with_rate, another_rate])
@pytest.mark.parametrize("replace", [False, True])
def test_a_limit_of_the_simulated_units_is_just_enough(
    chain: Chain, kind: Callable[[Chain], Made], replace: bool
) -> None:
    instructions, others = kind(chain)

    def signed(limit: int) -> str:
        return text(chain.sign(set_compute_unit_limit(limit), *instructions, others=others))

    value = chain.value("simulateTransaction", signed(1_400_000), {**BASE64, "replaceRecentBlockhash": replace})
    assert value["err"] is None, value["logs"]
    units = value["unitsConsumed"]
    refused = chain.error("sendTransaction", signed(units - 1), BASE64)
    assert refused["data"]["err"]["InstructionError"][1] in OUT_OF_UNITS
    signature = chain.result("sendTransaction", signed(units), BASE64)
    landed = chain.result("getTransaction", signature, BASE64)["meta"]
    assert (landed["err"], landed["computeUnitsConsumed"]) == (None, units)
