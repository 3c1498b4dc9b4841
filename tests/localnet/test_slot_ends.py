"""Slots that end early: after landings, when a client could tell the difference, and not too often."""

from __future__ import annotations

from typing import Any

import pytest
from solders.pubkey import Pubkey

from psyche_cli.limits import BLOCKHASH_MAX_AGE
from psyche_cli.localnet.chain.slot_ends import MOST_AT_ONCE, SOON_SECONDS, EarlySlotEnds, Urgency
from psyche_cli.localnet.chain.timekeeping import DEFAULT_SLOT_SECONDS, ClockMode, Timekeeper
from tests.localnet.harness import FEE, SOL, START, Chain, HandClock, start_chain

BLOCK = {"transactionDetails": "signatures", "rewards": False}


def bucket(clock: HandClock, slot_seconds: float = DEFAULT_SLOT_SECONDS) -> EarlySlotEnds:
    return EarlySlotEnds(Timekeeper(clock, slot_seconds=slot_seconds))


def taken(ends: EarlySlotEnds, urgency: Urgency) -> int:
    """How many slots may end early now."""
    count = 0
    while count < 1000 and ends.take(urgency):
        count += 1
    return count


def test_each_urgency_has_its_share() -> None:
    ends = bucket(HandClock())
    assert taken(ends, Urgency.SPARE) == MOST_AT_ONCE - Urgency.SPARE
    assert taken(ends, Urgency.USEFUL) == Urgency.SPARE
    assert taken(ends, Urgency.NECESSARY) == -Urgency.NECESSARY
    assert taken(ends, Urgency.NECESSARY) == 0


def test_the_share_grows_with_time_up_to_its_limit() -> None:
    clock = HandClock()
    ends = bucket(clock)
    taken(ends, Urgency.USEFUL)
    clock.sleep(4.01)
    assert taken(ends, Urgency.USEFUL) == 10
    clock.sleep(1000)
    assert taken(ends, Urgency.USEFUL) == MOST_AT_ONCE


@pytest.mark.parametrize("slot_seconds", [0, DEFAULT_SLOT_SECONDS])
def test_blockhashes_last_20_seconds_whatever_the_load(slot_seconds: float) -> None:
    clock = HandClock()
    ends = bucket(clock, slot_seconds)
    early, start = 0, clock.now
    while clock.now - start < 20:
        early += taken(ends, Urgency.NECESSARY)
        clock.sleep(0.01)
    by_itself = 20 / slot_seconds if slot_seconds else 0
    assert early + by_itself < BLOCKHASH_MAX_AGE


def test_the_same_payment_twice(chain: Chain) -> None:
    to = Pubkey.new_unique()
    for count in range(1, 4):
        signature = chain.send(chain.transfer(to, SOL))
        assert chain.status(signature)["confirmationStatus"] == "finalized"
        assert chain.balance(to) == count * SOL


def test_a_blockhash_that_nobody_used_stays(chain: Chain) -> None:
    first = chain.blockhash()
    assert chain.blockhash() == first
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    assert chain.blockhash() != first
    assert chain.blockhash() == chain.blockhash()


def test_slots_end_without_a_clock_too() -> None:
    chain = start_chain(slot_seconds=0)
    first = chain.blockhash()
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    assert chain.blockhash() != first
    assert chain.result("getSlot") == 2


def test_when_too_many_have_ended_the_blockhash_stays_for_a_while(chain: Chain) -> None:
    for _ in range(MOST_AT_ONCE):
        at = chain.blockhash()
        chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
    last = chain.blockhash()
    chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=last))
    assert chain.blockhash() == last
    chain.pass_slots(1)
    assert chain.blockhash() != last


def test_where_only_warps_move_time_nothing_else_limits_the_slots() -> None:
    chain = start_chain(slot_seconds=0, mode=ClockMode("fixed", START))
    for _ in range(100):
        chain.send(chain.transfer(Pubkey.new_unique(), SOL // 10))
        chain.blockhash()
    assert chain.result("getSlot") == 101
    assert chain.result("getBlockTime", 100) == START


def test_a_landing_ends_its_slot_soon() -> None:
    chain = start_chain(slot_seconds=0)
    bank = chain.dispatcher.context.bank
    at = chain.blockhash()
    for _ in range(2):
        chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
        assert bank.seconds_to_catch_up <= SOON_SECONDS
        chain.clock.sleep(SOON_SECONDS / 2)
        bank.catch_up()
    assert bank.slot == 1
    chain.clock.sleep(SOON_SECONDS)
    bank.catch_up()
    assert bank.slot == 2
    chain.clock.sleep(1000)
    bank.catch_up()
    assert bank.slot == 2


def block(chain: Chain, slot: int) -> Any:
    return chain.result("getBlock", slot, BLOCK)


def test_a_block_that_was_read_does_not_change(chain: Chain) -> None:
    at = chain.blockhash()
    first = chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
    read = block(chain, 1)
    assert read["signatures"] == [first]
    second = chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
    assert block(chain, 1) == read
    assert chain.status(second)["slot"] == 2


def test_an_empty_block_that_was_read_stays_empty(chain: Chain) -> None:
    assert block(chain, 1)["signatures"] == []
    signature = chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    assert chain.status(signature)["slot"] == 2
    assert block(chain, 1)["signatures"] == []


def test_the_current_block_is_not_available_if_too_many_slots_have_ended(chain: Chain) -> None:
    for number in range(MOST_AT_ONCE - Urgency.READ):
        block(chain, chain.result("getSlot"))
        chain.send(chain.transfer(Pubkey.new_unique(), SOL + number))
    slot = chain.result("getSlot")
    assert chain.error("getBlock", slot, BLOCK)["code"] == -32004
    assert block(chain, slot - 1)["signatures"]
    chain.pass_slots(1)
    assert block(chain, slot)["signatures"]


def test_an_airdrop_is_one_transfer(chain: Chain) -> None:
    """Equal ones too, many in a row."""
    to, count = Pubkey.new_unique(), 3 * MOST_AT_ONCE
    signatures = [chain.result("requestAirdrop", str(to), SOL) for _ in range(count)]
    assert len(set(signatures)) == count
    assert chain.balance(to) == count * SOL
    for signature in signatures:
        transaction = chain.result("getTransaction", signature)
        assert len(transaction["transaction"]["message"]["instructions"]) == 1
        assert transaction["meta"]["fee"] == FEE
        assert len(transaction["meta"]["logMessages"]) == 2


def test_other_requests_have_their_share_of_early_ends_after_many_airdrops(chain: Chain) -> None:
    to = str(Pubkey.new_unique())
    for _ in range(3 * MOST_AT_ONCE):
        chain.result("requestAirdrop", to, SOL)
    used = chain.blockhash()
    chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=used))
    assert chain.blockhash() != used
