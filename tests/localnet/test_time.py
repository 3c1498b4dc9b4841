"""Slots, heights and the cluster's clock follow the machine's clock in the selected mode."""

from __future__ import annotations

import base64

import pytest
from solders.clock import Clock
from solders.pubkey import Pubkey

from psyche_cli.errors import UsageError
from psyche_cli.localnet.chain.timekeeping import ClockMode
from tests.localnet.harness import START, Chain, start_chain

CLOCK = "SysvarC1ock11111111111111111111111111111111"


def sysvar_clock(chain: Chain) -> Clock:
    account = chain.value("getAccountInfo", CLOCK, {"encoding": "base64"})
    return Clock.from_bytes(base64.b64decode(account["data"][0]))


def test_slots_and_time_advance_together(chain: Chain) -> None:
    assert (chain.result("getSlot"), chain.result("getBlockHeight")) == (1, 1)
    chain.pass_slots(10)
    assert (chain.result("getSlot"), chain.result("getBlockHeight")) == (11, 11)
    clock = sysvar_clock(chain)
    assert (clock.slot, clock.unix_timestamp, clock.epoch) == (11, START + 5, 0)
    assert chain.result("getBlockTime", 11) == START + 5


def test_slot_hashes_name_the_recent_slots(chain: Chain) -> None:
    chain.pass_slots(600)
    chain.result("getSlot")
    hashes = chain.dispatcher.context.bank.chain.slot_hashes()
    assert len(hashes) == 512
    assert hashes[0] == (601, chain.blockhash())


def test_epoch_follows_the_schedule(chain: Chain) -> None:
    chain.pass_slots(432_000 + 5)
    info = chain.result("getEpochInfo")
    assert (info["epoch"], info["slotIndex"], info["slotsInEpoch"], info["absoluteSlot"]) == (1, 6, 432_000, 432_006)
    assert sysvar_clock(chain).epoch == 1


def test_fixed_clock_stands_still() -> None:
    chain = start_chain(mode=ClockMode.parse("fixed:1234567890"))
    chain.pass_slots(100)
    assert sysvar_clock(chain).unix_timestamp == 1234567890
    assert chain.result("getSlot") == 101


def test_scaled_clock_runs_faster() -> None:
    chain = start_chain(mode=ClockMode.parse("scale:60"))
    chain.pass_slots(20)
    assert sysvar_clock(chain).unix_timestamp == START + 600
    assert chain.result("getSlot") == 21


@pytest.mark.parametrize(
    "text",
    [
        "",
        "later",
        "now:5",
        "fixed",
        "fixed:",
        "fixed:-1",
        "fixed:1.5",
        "scale:0",
        "scale:-2",
        "scale:x",
        "scale:nan",
        "scale:inf",
    ],
)
def test_invalid_clocks(text: str) -> None:
    with pytest.raises(UsageError, match="Invalid clock"):
        ClockMode.parse(text)


def test_slots_of_zero_length_advance_only_by_warping() -> None:
    chain = start_chain(slot_seconds=0)
    chain.clock.sleep(1000)
    assert chain.result("getSlot") == 1
    chain.dispatcher.context.bank.timekeeper.warp_slots(7)
    assert chain.result("getSlot") == 8


def test_warped_seconds_move_time_and_slots(chain: Chain) -> None:
    chain.dispatcher.context.bank.timekeeper.warp_seconds(3600)
    assert chain.result("getSlot") == 7201
    assert sysvar_clock(chain).unix_timestamp == START + 3600
    assert chain.balance(Pubkey.new_unique()) == 0
