"""No transaction may leave an account below the rent-exempt minimum, with or without data."""

from __future__ import annotations

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.rent import transition_allowed
from tests.localnet.harness import BASE64, FEE, SOL, Chain, move, text

MINIMUM = 890_880


def minimum_of(size: int) -> int:
    return (size + 128) * 6960


def account(lamports: int, size: int = 0) -> Account:
    return Account(lamports, bytes(size), Pubkey.default())


@pytest.mark.parametrize(
    ("before", "lamports", "size", "allowed"),
    [
        (None, 0, 0, True),
        (None, MINIMUM, 0, True),
        (None, MINIMUM - 1, 0, False),
        (None, minimum_of(100), 100, True),
        (None, minimum_of(100) - 1, 100, False),
        (account(SOL), 0, 0, True),
        (account(SOL), MINIMUM - 1, 0, False),
        (account(SOL), SOL, 200_000, False),
        (account(5), 5, 0, True),
        (account(5), 4, 0, True),
        (account(5), 6, 0, False),
        (account(5), MINIMUM, 0, True),
        (account(5, 10), 5, 11, False),
    ],
)
def test_allowed_rent_transitions(before: Account | None, lamports: int, size: int, allowed: bool) -> None:
    assert transition_allowed(before, lamports, size, minimum_of) is allowed


def test_too_small_a_transfer_is_rejected_in_preflight_and_simulation(chain: Chain) -> None:
    refused = text(chain.transfer(Pubkey.new_unique(), MINIMUM - 1))
    failure = {"InsufficientFundsForRent": {"account_index": 1}}
    assert chain.error("sendTransaction", refused, BASE64)["data"]["err"] == failure
    assert chain.value("simulateTransaction", refused, BASE64)["err"] == failure
    to = Pubkey.new_unique()
    chain.send(chain.transfer(to, MINIMUM))
    chain.send(chain.transfer(to, 1))
    assert chain.balance(to) == MINIMUM + 1


def test_on_chain_everything_but_the_fee_is_undone(chain: Chain) -> None:
    first, second = Pubkey.new_unique(), Pubkey.new_unique()
    transaction = chain.sign(move(chain.payer, first, SOL), move(chain.payer, second, 1))
    signature = chain.send(transaction, skipPreflight=True)
    assert chain.status(signature)["err"] == {"InsufficientFundsForRent": {"account_index": 2}}
    assert chain.result("getTransaction", signature)["meta"]["fee"] == FEE
    assert (chain.balance(first), chain.balance(second)) == (0, 0)
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL - FEE
    assert chain.value("getAccountInfo", str(first)) is None


def test_wallet_may_be_emptied_but_not_nearly(chain: Chain) -> None:
    wallet, to = Keypair(), chain.payer.pubkey()
    chain.send(chain.transfer(wallet.pubkey(), SOL))
    nearly = text(chain.transfer(to, SOL - FEE - 1, payer=wallet))
    failure = {"InsufficientFundsForRent": {"account_index": 0}}
    assert chain.error("sendTransaction", nearly, BASE64)["data"]["err"] == failure
    chain.send(chain.transfer(to, SOL - FEE, payer=wallet))
    assert chain.value("getAccountInfo", str(wallet.pubkey())) is None


def test_payer_whose_rest_after_the_fee_is_too_small_pays_nothing(chain: Chain) -> None:
    wallet = Keypair()
    chain.send(chain.transfer(wallet.pubkey(), MINIMUM))
    signature = chain.send(chain.transfer(chain.payer.pubkey(), MINIMUM - FEE, payer=wallet), skipPreflight=True)
    assert chain.status(signature) is None
    assert chain.balance(wallet.pubkey()) == MINIMUM
