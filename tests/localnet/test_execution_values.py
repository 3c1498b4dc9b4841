"""What simulations and executed transactions report, with the figures of a real validator."""

from __future__ import annotations

from typing import Any

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli.localnet.chain.accounts import Accounts
from tests.localnet.harness import BASE64, FEE, MEMO, SOL, Chain, move, text

RECEIVER = Pubkey.from_string("3bQ9nDPYKoVE9RZBuyQPNvRLdpGFxMQXBdN1vfpE7ekQ")
REPLACED = {"encoding": "base64", "replaceRecentBlockhash": True}


def simulated(chain: Chain, transaction: VersionedTransaction) -> Any:
    return chain.value("simulateTransaction", text(transaction), BASE64)


def meta(chain: Chain, signature: str) -> Any:
    return chain.result("getTransaction", signature)["meta"]


@pytest.fixture
def receiver(chain: Chain) -> Pubkey:
    chain.send(chain.transfer(RECEIVER, SOL))
    return RECEIVER


def test_a_transfer(chain: Chain, receiver: Pubkey) -> None:
    had = chain.balance(chain.payer.pubkey())
    transaction = chain.transfer(receiver, 7)
    value = simulated(chain, transaction)
    # Two accounts without data and the system program, which has 14 bytes; each counts 64 more.
    assert value["loadedAccountsDataSize"] == 206
    assert value["fee"] == FEE
    assert value["preBalances"] == [had, SOL, 1]
    assert value["postBalances"] == [had - FEE - 7, SOL + 7, 1]
    assert value["preTokenBalances"] == value["postTokenBalances"] == []
    assert value["loadedAddresses"] == {"readonly": [], "writable": []}
    assert chain.balance(receiver) == SOL
    landed = meta(chain, chain.send(transaction))
    assert (landed["preBalances"], landed["postBalances"]) == (value["preBalances"], value["postBalances"])
    assert (landed["computeUnitsConsumed"], landed["costUnits"]) == (150, 1481)


def test_a_new_account_loads_nothing(chain: Chain) -> None:
    value = simulated(chain, chain.transfer(Pubkey.new_unique(), 5))
    assert value["err"] == {"InsufficientFundsForRent": {"account_index": 1}}
    assert value["loadedAccountsDataSize"] == 142
    assert value["postBalances"] == [100 * SOL - FEE, 0, 1]


def test_the_cost_of_a_priced_transfer(chain: Chain, receiver: Pubkey) -> None:
    budget = (set_compute_unit_limit(200_000), set_compute_unit_price(10_000))
    landed = meta(chain, chain.send(chain.sign(*budget, move(chain.payer, receiver, 2))))
    assert (landed["fee"], landed["computeUnitsConsumed"], landed["costUnits"]) == (7000, 450, 1784)


def test_a_failure_pays_its_fee_and_changes_nothing_else(chain: Chain, receiver: Pubkey) -> None:
    had = chain.balance(chain.payer.pubkey())
    value = simulated(chain, chain.transfer(receiver, 1000 * SOL))
    assert (value["fee"], value["unitsConsumed"], value["loadedAccountsDataSize"]) == (FEE, 150, 206)
    assert value["preBalances"] == [had, SOL, 1]
    assert value["postBalances"] == [had - FEE, SOL, 1]


def test_a_transaction_that_would_not_land_pays_nothing(chain: Chain, receiver: Pubkey) -> None:
    poor = Keypair()
    value = simulated(chain, chain.transfer(receiver, 3, payer=poor))
    assert (value["err"], value["fee"], value["loadedAccountsDataSize"]) == ("AccountNotFound", None, 0)
    assert value["preBalances"] == value["postBalances"] == [0, SOL, 1]


def test_a_refusal_of_the_preflight_shows_no_balances(chain: Chain, receiver: Pubkey) -> None:
    data = chain.error("sendTransaction", text(chain.transfer(receiver, 1000 * SOL)), BASE64)["data"]
    assert data["loadedAccountsDataSize"] == 206
    absent = ("accounts", "fee", "innerInstructions", "loadedAddresses", "postBalances", "postTokenBalances")
    assert {data[name] for name in absent} == {None}
    assert {data[name] for name in ("preBalances", "preTokenBalances", "replacementBlockhash")} == {None}


def test_an_unknown_program_costs_the_fee(chain: Chain) -> None:
    """The transaction lands, though nothing of it was executed."""
    nowhere = chain.sign(Instruction(Pubkey.new_unique(), b"x", []))
    value = simulated(chain, nowhere)
    assert (value["err"], value["fee"], value["loadedAccountsDataSize"]) == ("ProgramAccountNotFound", FEE, 0)
    assert value["postBalances"] == [100 * SOL - FEE, 0]
    signature = chain.send(nowhere, skipPreflight=True)
    assert chain.status(signature)["err"] == "ProgramAccountNotFound"
    assert meta(chain, signature)["fee"] == FEE
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL - FEE


def test_an_unsigned_failure_is_a_failure(chain: Chain, receiver: Pubkey) -> None:
    had = chain.balance(chain.payer.pubkey())
    genuine = chain.transfer(receiver, 1000 * SOL)
    unsigned = VersionedTransaction.populate(genuine.message, [Signature.default()])
    value = chain.value("simulateTransaction", text(unsigned), REPLACED)
    assert (value["err"], value["fee"]) == ({"InstructionError": [0, {"Custom": 1}]}, FEE)
    assert value["postBalances"][0] == had - FEE


def test_the_preflight_and_the_execution_are_one_run(chain: Chain, receiver: Pubkey) -> None:
    """A refused transaction leaves nothing, not even in what the next one loads."""
    memo = Instruction(MEMO, b"x", [AccountMeta(chain.payer.pubkey(), is_signer=True, is_writable=True)])
    had = chain.balance(chain.payer.pubkey())
    for _ in range(2):
        refused = chain.sign(memo, move(chain.payer, receiver, 1000 * SOL))
        assert chain.error("sendTransaction", text(refused), BASE64)["code"] == -32002
    assert chain.balance(chain.payer.pubkey()) == had
    assert chain.status(str(refused.signatures[0])) is None
    chain.send(refused, skipPreflight=True)
    assert chain.balance(chain.payer.pubkey()) == had - FEE


def test_sizes_follow_changes(chain: Chain) -> None:
    accounts: Accounts = chain.dispatcher.context.bank.accounts
    address = Pubkey.new_unique()
    assert accounts.size_of(address) is None
    for size in (3, 10, 0):
        account = {"lamports": SOL, "data": [("A" * 4 * -(-size // 3)), "base64"], "owner": str(MEMO)}
        chain.result("localnet_setAccount", str(address), account)
        assert accounts.size_of(address) == 3 * -(-size // 3)
    chain.result("localnet_setAccount", str(address), {"lamports": 0})
    assert accounts.size_of(address) is None
