"""Compute budget instructions: invalid ones, and the limits of units, heap and loaded data."""

from __future__ import annotations

from typing import Any

import pytest
from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.compute_budget import request_heap_frame, set_compute_unit_limit
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.solana.programs import TOKEN_PROGRAM
from tests.localnet.harness import BASE64, FEE, SOL, Chain, move, text

SKIPPING = {"encoding": "base64", "skipPreflight": True}


def raw(data: bytes) -> Instruction:
    return Instruction(COMPUTE_BUDGET, data, [])


def loaded_limit(size: int) -> Instruction:
    return raw(b"\4" + size.to_bytes(4, "little"))


def simulated(chain: Chain, *instructions: Instruction) -> Any:
    return chain.value("simulateTransaction", text(chain.sign(*instructions)), BASE64)


@pytest.mark.parametrize("method", ["sendTransaction", "simulateTransaction"])
@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        ([set_compute_unit_limit(100), set_compute_unit_limit(200)], "a duplicate instruction (1) that is not allowed"),
        ([loaded_limit(7), raw(b"\4" + bytes(9))], "a duplicate instruction (1) that is not allowed"),
        ([raw(b"")], "Error processing Instruction 0: invalid instruction data"),
        ([raw(b"\2\1\0\0")], "Error processing Instruction 0: invalid instruction data"),
        ([set_compute_unit_limit(100), raw(b"\5\0\0\0\0")], "Error processing Instruction 1: invalid instruction data"),
    ],
)
def test_invalid_instructions_are_invalid_parameters(
    chain: Chain, method: str, budget: list[Instruction], reason: str
) -> None:
    transaction = text(chain.sign(*budget, move(chain.payer, Pubkey.new_unique(), SOL)))
    for options in (BASE64, SKIPPING):
        error = chain.error(method, transaction, options)
        assert error["code"] == -32602
        assert error["message"].startswith("invalid transaction: ")
        assert error["message"].endswith(reason)
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


@pytest.mark.parametrize(
    ("budget", "error"),
    [
        (request_heap_frame(1000), {"InstructionError": [0, "InvalidInstructionData"]}),
        (request_heap_frame(257 * 1024), {"InstructionError": [0, "InvalidInstructionData"]}),
        (loaded_limit(0), "InvalidLoadedAccountsDataSizeLimit"),
    ],
)
def test_impossible_requests_are_not_executed(chain: Chain, budget: Instruction, error: Any) -> None:
    value = simulated(chain, budget, move(chain.payer, Pubkey.new_unique(), SOL))
    assert (value["err"], value["fee"]) == (error, None)


def test_a_unit_limit_of_less_than_the_budget_instruction_itself(chain: Chain) -> None:
    value = simulated(chain, set_compute_unit_limit(100), move(chain.payer, Pubkey.new_unique(), SOL))
    assert value["err"] == {"InstructionError": [0, "ComputationalBudgetExceeded"]}
    assert (value["unitsConsumed"], value["fee"]) == (100, FEE)


def test_data_that_is_just_loaded(chain: Chain) -> None:
    # The payer, the system program (14 bytes) and the budget program (22 bytes), each with 64 bytes more.
    transfer = move(chain.payer, Pubkey.new_unique(), SOL)
    assert simulated(chain, loaded_limit(228), transfer)["loadedAccountsDataSize"] == 228
    assert simulated(chain, loaded_limit(228), transfer)["err"] is None
    refused = simulated(chain, loaded_limit(227), transfer)
    assert (refused["err"], refused["fee"]) == ("MaxLoadedAccountsDataSizeExceeded", FEE)
    assert refused["loadedAccountsDataSize"] == 0
    assert refused["postBalances"][0] == 100 * SOL - FEE


def test_too_much_data_costs_the_fee(chain: Chain) -> None:
    """Also that of programs counts."""
    transaction = chain.sign(loaded_limit(100_000), Instruction(TOKEN_PROGRAM, b"x", []))
    error = chain.error("sendTransaction", text(transaction), BASE64)
    assert error["data"]["err"] == "MaxLoadedAccountsDataSizeExceeded"
    signature = chain.send(transaction, skipPreflight=True)
    assert chain.status(signature)["err"] == "MaxLoadedAccountsDataSizeExceeded"
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL - FEE
