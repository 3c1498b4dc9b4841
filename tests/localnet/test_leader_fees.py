"""The validator's identity earns half of the base fees and all priority fees."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.pubkey import Pubkey

from tests.localnet.harness import FEE, SOL, Chain, move
from tests.localnet.test_pubsub_as_a_node import Listener, listener, pubsub

__all__ = ["listener", "pubsub"]

SIGNATURES: dict[str, Any] = {"transactionDetails": "signatures"}


def identity_of(chain: Chain) -> Pubkey:
    return Pubkey.from_string(chain.result("getIdentity")["identity"])


def rewards_of(chain: Chain, signature: str) -> Any:
    slot = chain.result("getTransaction", signature)["slot"]
    chain.pass_slots(1)
    return chain.result("getBlock", slot, SIGNATURES)["rewards"]


def test_a_block_shows_what_its_leader_has_earned(chain: Chain) -> None:
    leader = identity_of(chain)
    before, supply = chain.balance(leader), chain.value("getSupply")["total"]
    priced = [set_compute_unit_limit(1000), set_compute_unit_price(7_000_000)]
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    signature = chain.send(chain.sign(*priced, move(chain.payer, Pubkey.new_unique(), SOL)), skipPreflight=True)
    last = chain.send(chain.transfer(Pubkey.new_unique(), 100_000 * SOL), skipPreflight=True)
    assert chain.status(last)["err"] is not None
    slots = {chain.result("getTransaction", each)["slot"] for each in (signature, last)}
    rewards = [item for slot in slots for item in chain.result("getBlock", slot, SIGNATURES)["rewards"]]
    assert {(item["pubkey"], item["rewardType"], item["commission"]) for item in rewards} == {
        (str(leader), "Fee", None)
    }
    assert max(item["postBalance"] for item in rewards) == chain.balance(leader) == before + 3 * FEE // 2 + 7000
    assert chain.value("getSupply")["total"] == supply - 3 * FEE // 2


def test_several_transactions_of_a_block_are_one_reward(chain: Chain) -> None:
    at = chain.blockhash()
    signatures = [chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at)) for _ in range(3)]
    assert [item["lamports"] for item in rewards_of(chain, signatures[0])] == [3 * FEE // 2]
    assert (
        chain.result("getBlock", chain.result("getSlot") - 1, {**SIGNATURES, "rewards": False}).get("rewards") is None
    )


def test_a_block_without_transactions_has_no_rewards(chain: Chain) -> None:
    chain.pass_slots(2)
    assert chain.result("getBlock", chain.result("getSlot") - 1, SIGNATURES)["rewards"] == []


def test_refused_and_simulated_transactions_earn_nothing(chain: Chain) -> None:
    before = chain.balance(identity_of(chain))
    transaction = base64.b64encode(bytes(chain.transfer(Pubkey.new_unique(), 100_000 * SOL))).decode()
    assert chain.error("sendTransaction", transaction, {"encoding": "base64"})["code"] == -32002
    chain.result("simulateTransaction", transaction, {"encoding": "base64"})
    assert chain.balance(identity_of(chain)) == before


def test_the_leader_may_be_paid_by_a_transaction_too(chain: Chain) -> None:
    leader = identity_of(chain)
    before = chain.balance(leader)
    signature = chain.send(chain.transfer(leader, SOL))
    meta = chain.result("getTransaction", signature)["meta"]
    assert meta["postBalances"][1] - meta["preBalances"][1] == SOL
    assert meta["fee"] == FEE
    [reward] = rewards_of(chain, signature)
    assert reward["postBalance"] == chain.balance(leader) == before + SOL + FEE // 2


@pytest.mark.parametrize("owner", ["11111111111111111111111111111111", "Stake11111111111111111111111111111111111111"])
def test_fees_are_burned_if_the_leader_cannot_hold_them(chain: Chain, owner: str) -> None:
    leader = str(identity_of(chain))
    lamports = 0 if owner.startswith("1") else SOL
    account = {"lamports": lamports, "owner": owner, "data": ["", "base64"], "executable": False, "rentEpoch": 0}
    chain.result("localnet_setAccount", leader, account)
    assert rewards_of(chain, chain.send(chain.transfer(Pubkey.new_unique(), SOL))) == []
    assert chain.balance(identity_of(chain)) == lamports


def test_a_snapshot_restores_what_was_earned(chain: Chain) -> None:
    before = chain.balance(identity_of(chain))
    number = chain.result("localnet_takeSnapshot")
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    assert chain.balance(identity_of(chain)) == before + FEE // 2
    chain.result("localnet_restoreSnapshot", number)
    assert chain.balance(identity_of(chain)) == before


def test_subscribers_are_notified_once_a_slot(listener: Listener) -> None:
    chain = listener.chain
    leader, at = identity_of(chain), chain.blockhash()
    before = chain.balance(leader)
    account = listener.subscribe("accountSubscribe", str(leader))
    for _ in range(3):
        chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
    assert listener.results(account) == []
    chain.pass_slots(1)
    chain.result("getSlot")
    assert [item["value"]["lamports"] for item in listener.results(account)] == [before + 3 * FEE // 2]
