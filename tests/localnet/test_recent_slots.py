"""Recent prices and performance samples."""

from __future__ import annotations

from typing import Any

from solders.compute_budget import set_compute_unit_price
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from tests.localnet.harness import SOL, Chain, move


def pay(chain: Chain, *payments: tuple[Keypair, Pubkey, int]) -> int:
    """Make payments at a price in one slot; the slot."""
    blockhash = chain.blockhash()
    for payer, to, price in payments:
        budget = [] if price == 0 else [set_compute_unit_price(price)]
        chain.send(chain.sign(*budget, move(payer, to, SOL), payer=payer, at=blockhash))
    slot: int = chain.result("getSlot")
    return slot


def prices(chain: Chain, *addresses: Pubkey) -> list[Any]:
    found = chain.result("getRecentPrioritizationFees", [str(address) for address in addresses])
    return [(item["slot"], item["prioritizationFee"]) for item in found]


def test_prices_are_the_lowest_of_a_slot_or_of_the_accounts(chain: Chain) -> None:
    rich, crowded, quiet = Keypair(), Pubkey.new_unique(), Pubkey.new_unique()
    chain.send(chain.transfer(rich.pubkey(), 50 * SOL))
    chain.result("localnet_warpSlots", 5)
    slot = pay(chain, (chain.payer, quiet, 10), (rich, crowded, 700), (rich, crowded, 900))
    assert prices(chain)[-1] == (slot, 10)
    assert prices(chain, quiet)[-1] == (slot, 10)
    assert prices(chain, quiet, crowded)[-1] == (slot, 700)
    chain.result("localnet_warpSlots", 1)
    later = pay(chain, (chain.payer, quiet, 0))
    assert prices(chain, quiet, crowded)[-2:] == [(slot, 700), (later, 0)]
    assert prices(chain, Pubkey.new_unique())[-2:] == [(slot, 10), (later, 0)]


def test_only_slots_with_transactions_have_a_price_and_only_the_newest_150(chain: Chain) -> None:
    assert prices(chain) == []
    for _ in range(160):
        chain.send(chain.transfer(Pubkey.new_unique(), SOL // 100))
        chain.result("localnet_warpSlots", 2)
    found = [slot for slot, _ in prices(chain)]
    assert len(found) == 150
    assert found == list(range(found[0], found[0] + 300, 2))


def test_prices_follow_a_reset(chain: Chain) -> None:
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    chain.result("localnet_reset")
    assert prices(chain) == []


def test_a_sample_for_each_minute(chain: Chain) -> None:
    assert chain.result("getRecentPerformanceSamples") == []
    for _ in range(3):
        chain.send(chain.transfer(Pubkey.new_unique(), SOL))
        chain.pass_slots(160)
        chain.result("getSlot")
    newest, *earlier = chain.result("getRecentPerformanceSamples")
    assert len(earlier) == 2
    assert newest == {
        "slot": newest["slot"],
        "numTransactions": 1,
        "numNonVoteTransactions": 1,
        "numSlots": newest["slot"] - earlier[0]["slot"],
        "samplePeriodSecs": newest["samplePeriodSecs"],
    }
    assert earlier[1]["slot"] < earlier[0]["slot"] < newest["slot"] <= chain.result("getSlot")
    assert newest["samplePeriodSecs"] >= 60
    assert chain.result("getRecentPerformanceSamples", 1) == [newest]
    assert chain.result("getRecentPerformanceSamples", 0) == []
