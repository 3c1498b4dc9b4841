"""The fields of answers about the cluster, its leaders and its inflation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.localnet.node_answers.asking import Asker

SHAPES: dict[str, Any] = {
    "getBlockCommitment": {"commitment", "totalStake"},
    "getBlockProduction": {"context", "value"},
    "getEpochInfo": {"absoluteSlot", "blockHeight", "epoch", "slotIndex", "slotsInEpoch", "transactionCount"},
    "getEpochSchedule": {"firstNormalEpoch", "firstNormalSlot", "leaderScheduleSlotOffset", "slotsPerEpoch", "warmup"},
    "getIdentity": {"identity"},
    "getInflationGovernor": {"foundation", "foundationTerm", "initial", "taper", "terminal"},
    "getInflationRate": {"epoch", "foundation", "total", "validator"},
    "getLargestAccounts": {"context", "value"},
    "getLatestBlockhash": {"context", "value"},
    "getStakeMinimumDelegation": {"context", "value"},
    "getSupply": {"context", "value"},
    "getVersion": {"feature-set", "solana-core"},
    "getVoteAccounts": {"current", "delinquent"},
}
NUMBERS = (
    "getBlockHeight", "getFirstAvailableBlock", "getMaxRetransmitSlot", "getMaxShredInsertSlot", "getSlot",
    "getTransactionCount", "minimumLedgerSlot",
)  # fmt: skip


@pytest.mark.parametrize("method", SHAPES)
def test_fields(asker: Asker, method: str) -> None:
    result = asker.result(method, *([0] if method == "getBlockCommitment" else []))
    assert result.keys() == SHAPES[method]
    if "context" in result:
        assert result["context"].keys() == {"apiVersion", "slot"}


@pytest.mark.parametrize("method", NUMBERS)
def test_numbers(asker: Asker, method: str) -> None:
    assert isinstance(asker.result(method), int)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("getEpochSchedule", {
            "firstNormalEpoch": 0, "firstNormalSlot": 0, "leaderScheduleSlotOffset": 432_000, "slotsPerEpoch": 432_000,
            "warmup": False,
        }),
        ("getHealth", "ok"),
        ("getInflationGovernor", {
            "foundation": 0.05, "foundationTerm": 7.0, "initial": 0.08, "taper": 0.15, "terminal": 0.015,
        }),
        ("getInflationRate", {"epoch": 0, "foundation": 0.004, "total": 0.08, "validator": 0.076}),
    ],
)  # fmt: skip
def test_values_of_every_new_chain(asker: Asker, method: str, expected: Any) -> None:
    assert asker.result(method) == expected


def test_one_validator_leads_all_slots(asker: Asker) -> None:
    leader = asker.result("getIdentity")["identity"]
    assert asker.result("getSlotLeader") == leader
    assert asker.result("getSlotLeaders", 0, 3) == [leader] * 3
    for params in ([], [7], [None], [{"identity": leader}], [None, {"identity": leader}]):
        schedule = asker.result("getLeaderSchedule", *params)
        assert schedule.keys() == {leader}
        assert schedule[leader] == list(range(432_000))


def test_block_production(asker: Asker) -> None:
    leader, slot = asker.result("getIdentity")["identity"], asker.result("getSlot")
    value = asker.result("getBlockProduction")["value"]
    assert value == {"byIdentity": {leader: [slot + 1, slot + 1]}, "range": {"firstSlot": 0, "lastSlot": slot}}
    first = {"range": {"firstSlot": slot}}
    assert asker.result("getBlockProduction", first)["value"]["byIdentity"] == {leader: [1, 1]}
    other = {"identity": "11111111111111111111111111111112"}
    assert asker.result("getBlockProduction", other)["value"]["byIdentity"] == {}


def test_limits_of_supply(asker: Asker) -> None:
    supply = asker.result("getSupply", {"excludeNonCirculatingAccountsList": True})["value"]
    assert supply.keys() == {"circulating", "nonCirculating", "nonCirculatingAccounts", "total"}
    assert supply["nonCirculatingAccounts"] == []
    assert supply["total"] == supply["circulating"] + supply["nonCirculating"]


def test_inflation_falls_with_the_epochs(asker: Asker) -> None:
    asker.result("localnet_warpSlots", 183 * 432_000)
    rate = asker.result("getInflationRate")
    assert rate["epoch"] == 183
    assert rate["total"] == pytest.approx(0.08 * 0.85, rel=2e-3)  # about a year later
    assert rate["validator"] + rate["foundation"] == pytest.approx(rate["total"])
    assert asker.result("getInflationReward", ["11111111111111111111111111111112"]) == [None]
    asker.result("localnet_warpSlots", 10**10)
    assert (asker.result("getInflationRate")["total"], asker.result("getInflationRate")["foundation"]) == (0.015, 0.0)
