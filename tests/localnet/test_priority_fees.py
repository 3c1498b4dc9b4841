"""Priority fees: charged like on a cluster, from the limit of compute units and the price."""

from __future__ import annotations

import base64

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from tests.localnet.harness import FEE, SOL, Chain, move, text

PRICED = [set_compute_unit_limit(1_000), set_compute_unit_price(7_500_000)]
PRIORITY_FEE = 7_500


def payment(chain: Chain, lamports: int, *budget: Instruction) -> VersionedTransaction:
    return chain.sign(*budget, move(chain.payer, Pubkey.new_unique(), lamports))


def test_a_transaction_that_lands_pays_it(chain: Chain) -> None:
    signature = chain.send(payment(chain, SOL, *PRICED))
    assert chain.balance(chain.payer.pubkey()) == 99 * SOL - FEE - PRIORITY_FEE
    assert chain.result("getTransaction", signature)["meta"]["fee"] == FEE + PRIORITY_FEE


def test_a_transaction_that_fails_pays_it(chain: Chain) -> None:
    signature = chain.send(payment(chain, 1000 * SOL, *PRICED), skipPreflight=True)
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL - FEE - PRIORITY_FEE
    assert chain.result("getTransaction", signature)["meta"]["fee"] == FEE + PRIORITY_FEE


def test_without_a_limit_the_default_counts(chain: Chain) -> None:
    """3,000 units for each of the two builtin programs."""
    chain.send(payment(chain, SOL, set_compute_unit_price(1_000_000)))
    assert chain.balance(chain.payer.pubkey()) == 99 * SOL - FEE - 6_000


def test_a_simulation_shows_it_and_changes_nothing(chain: Chain) -> None:
    payer = str(chain.payer.pubkey())
    options = {"encoding": "base64", "accounts": {"encoding": "base64", "addresses": [payer]}}
    for _ in range(2):
        value = chain.value("simulateTransaction", text(payment(chain, SOL, *PRICED)), options)
        assert value["err"] is None
        assert value["accounts"][0]["lamports"] == 99 * SOL - FEE - PRIORITY_FEE
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


@pytest.mark.parametrize("method", ["simulateTransaction", "sendTransaction"])
def test_a_payer_that_cannot_pay_it_is_refused(chain: Chain, method: str) -> None:
    dear = [set_compute_unit_limit(1_000_000), set_compute_unit_price(200 * SOL)]
    transaction = payment(chain, 1, *dear)
    if method == "simulateTransaction":
        assert chain.value(method, text(transaction), {"encoding": "base64"})["err"] == "InsufficientFundsForFee"
    else:
        for options in ({}, {"skipPreflight": True}):
            chain.call(method, text(transaction), {"encoding": "base64", **options})
            assert chain.value("getSignatureStatuses", [str(transaction.signatures[0])]) == [None]
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


def test_a_transaction_that_the_vm_does_not_execute_pays_nothing(chain: Chain) -> None:
    """The limit of compute units is invalid twice over."""
    chain.call(
        "sendTransaction",
        text(payment(chain, SOL, *PRICED, set_compute_unit_limit(5))),
        {"encoding": "base64", "skipPreflight": True},
    )
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL


def test_the_fee_for_a_message_includes_it(chain: Chain) -> None:
    message = bytes(payment(chain, SOL, *PRICED).message)
    # A versioned message is prefixed with its version; a legacy one is not.
    assert chain.value("getFeeForMessage", base64.b64encode(message).decode()) == FEE + PRIORITY_FEE
