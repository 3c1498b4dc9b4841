"""jsonParsed accounts: known answers for data built here field by field, and any bytes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc.encoding.parsed.accounts import parsed_account
from psyche_cli.solana.programs import (
    CONFIG_PROGRAM,
    LOOKUP_TABLE_PROGRAM,
    STAKE_PROGRAM,
    SYSTEM_PROGRAM,
    SYSVAR_OWNER,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    UPGRADEABLE_LOADER,
    VOTE_PROGRAM,
)
from tests.localnet.harness import PARSED, START, Chain
from tests.localnet.packing import pack, tag

A, B, C, D, E = (Pubkey.new_unique() for _ in range(5))
a, b, c, d, e = (str(key) for key in (A, B, C, D, E))
NONE = Pubkey.default()
MOST = 2**64 - 1
OWNERS = (
    CONFIG_PROGRAM, LOOKUP_TABLE_PROGRAM, STAKE_PROGRAM, SYSTEM_PROGRAM, SYSVAR_OWNER, TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM, UPGRADEABLE_LOADER, VOTE_PROGRAM,
)  # fmt: skip
SYSVARS = {
    kind: Pubkey.from_string(address)
    for kind, address in {
        "clock": "SysvarC1ock11111111111111111111111111111111",
        "epochSchedule": "SysvarEpochSchedu1e111111111111111111111111",
        "fees": "SysvarFees111111111111111111111111111111111",
        "recentBlockhashes": "SysvarRecentB1ockHashes11111111111111111111",
        "rent": "SysvarRent111111111111111111111111111111111",
        "rewards": "SysvarRewards111111111111111111111111111111",
        "slotHashes": "SysvarS1otHashes111111111111111111111111111",
        "slotHistory": "SysvarS1otHistory11111111111111111111111111",
        "stakeHistory": "SysvarStakeHistory1111111111111111111111111",
        "lastRestartSlot": "SysvarLastRestartS1ot1111111111111111111111",
        "epochRewards": "SysvarEpochRewards1111111111111111111111111",
    }.items()
}


def show(owner: Pubkey, data: bytes, address: Pubkey = E) -> Any:
    """The parsed account, without a chain around it."""
    return parsed_account(address, Account(1, data, owner), lambda _: None)


META = pack(2_282_880, A, B, ("q", -5), 7, C)
META_INFO = {
    "rentExemptReserve": "2282880",
    "authorized": {"staker": a, "withdrawer": b},
    "lockup": {"unixTimestamp": -5, "epoch": 7, "custodian": c},
}
DELEGATION = pack(D, 5_000, 3, MOST, ("d", 0.25), 11)
ELF = b"\x7fELF and more"
ELF_INFO = [base64.b64encode(ELF).decode(), "base64"]
KNOWN: list[tuple[str, Pubkey, bytes, Any]] = [
    ("bpf-upgradeable-loader", UPGRADEABLE_LOADER, tag(0), {"type": "uninitialized"}),
    ("bpf-upgradeable-loader", UPGRADEABLE_LOADER, tag(1) + b"\1" + bytes(A) + ELF,
     {"type": "buffer", "info": {"authority": a, "data": ELF_INFO}}),
    ("bpf-upgradeable-loader", UPGRADEABLE_LOADER, tag(1) + b"\0" + ELF,
     {"type": "buffer", "info": {"authority": None, "data": ELF_INFO}}),
    ("bpf-upgradeable-loader", UPGRADEABLE_LOADER, tag(2) + bytes(A), {"type": "program", "info": {"programData": a}}),
    ("bpf-upgradeable-loader", UPGRADEABLE_LOADER, tag(3) + pack(9) + b"\1" + bytes(A) + ELF,
     {"type": "programData", "info": {"slot": 9, "authority": a, "data": ELF_INFO}}),
    ("stake", STAKE_PROGRAM, tag(0) + bytes(196), {"type": "uninitialized"}),
    ("stake", STAKE_PROGRAM, tag(1) + META + bytes(76),
     {"type": "initialized", "info": {"meta": META_INFO, "stake": None}}),
    ("stake", STAKE_PROGRAM, tag(2) + META + DELEGATION + bytes(4),
     {"type": "delegated", "info": {"meta": META_INFO, "stake": {
         "delegation": {"voter": d, "stake": "5000", "activationEpoch": "3", "deactivationEpoch": str(MOST),
                        "warmupCooldownRate": 0.25},
         "creditsObserved": 11}}}),
    ("stake", STAKE_PROGRAM, tag(3), {"type": "rewardsPool"}),
    ("nonce", SYSTEM_PROGRAM, tag(1) + tag(1) + pack(A, B, 5000),
     {"type": "initialized",
      "info": {"authority": a, "blockhash": b, "feeCalculator": {"lamportsPerSignature": "5000"}}}),
    ("address-lookup-table", LOOKUP_TABLE_PROGRAM, tag(0) + bytes(52), {"type": "uninitialized"}),
    ("address-lookup-table", LOOKUP_TABLE_PROGRAM, tag(1) + pack(MOST, 4, b"\3\1", A, b"\0\0", B, C),
     {"type": "lookupTable", "info": {"deactivationSlot": str(MOST), "lastExtendedSlot": "4",
      "lastExtendedSlotStartIndex": 3, "authority": a, "addresses": [b, c]}}),
    ("address-lookup-table", LOOKUP_TABLE_PROGRAM, tag(1) + pack(8, 4, b"\3\0", bytes(34), B),
     {"type": "lookupTable", "info": {"deactivationSlot": "8", "lastExtendedSlot": "4",
      "lastExtendedSlotStartIndex": 3, "addresses": [b]}}),
    ("config", CONFIG_PROGRAM,
     b"\2" + pack(Pubkey.from_string("Va1idator1nfo111111111111111111111111111111"), b"\0", A, b"\1", 15)
     + b'{"name":"Ada"}\n' + bytes(9),
     {"type": "validatorInfo", "info": {
         "keys": [{"pubkey": "Va1idator1nfo111111111111111111111111111111", "signer": False},
                  {"pubkey": a, "signer": True}],
         "configData": {"name": "Ada"}}}),
    ("spl-token", TOKEN_PROGRAM, b"\2\3\1" + bytes(A) + bytes(B) + bytes(C) + bytes(8 * 32),
     {"type": "multisig", "info": {
         "numRequiredSigners": 2, "numValidSigners": 3, "isInitialized": True, "signers": [a, b, c]}}),
]  # fmt: skip


@pytest.mark.parametrize(("program", "owner", "data", "parsed"), KNOWN)
def test_known_accounts(program: str, owner: Pubkey, data: bytes, parsed: Any) -> None:
    assert show(owner, data) == {"program": program, "parsed": parsed, "space": len(data)}


@pytest.mark.parametrize(("program", "owner", "data", "parsed"), KNOWN)
def test_shortened_accounts_stay_encoded_or_lose_a_part(program: str, owner: Pubkey, data: bytes, parsed: Any) -> None:
    """Every beginning of an account is either refused or shows no field that is not in it."""
    for end in range(len(data)):
        shown = show(owner, data[:end])
        assert shown is None or (shown["program"], shown["parsed"]["type"]) == (program, parsed["type"])
    assert show(owner, data[:3]) is None


LOCKOUT = {"slot": 8, "confirmationCount": 31}
VOTE_INFO: dict[str, Any] = {
    "nodePubkey": a,
    "authorizedWithdrawer": b,
    "commission": 42,
    "votes": [LOCKOUT],
    "rootSlot": 7,
    "authorizedVoters": [{"epoch": 1, "authorizedVoter": c}, {"epoch": 2, "authorizedVoter": d}],
    "priorVoters": [{"authorizedPubkey": e, "epochOfLastAuthorizedSwitch": 1, "targetEpoch": 2}],
    "epochCredits": [{"epoch": 3, "credits": "50", "previousCredits": "40"}],
    "lastTimestamp": {"slot": 8, "timestamp": START},
}
VOTERS = pack(2, 2, D, 1, C)
"""Out of order: a map is shown by its keys."""
PRIOR = pack(E, 1, 2) + pack(NONE, 0, 0) * 31 + pack(0, b"\0")
VOTE_END = pack(1, 3, 50, 40, 8, ("q", START))
VOTES = {
    0: (
        pack(A, C, 1, pack(E, 1, 2, 9) + pack(NONE, 0, 0, 0) * 31, 0, B, b"\x2a", 1, 8, ("I", 31), b"\1", 7) + VOTE_END,
        {"authorizedVoters": VOTE_INFO["authorizedVoters"][:1]},
    ),
    1: (pack(A, B, b"\x2a", 1, 8, ("I", 31), b"\1", 7) + VOTERS + PRIOR + VOTE_END, {}),
    2: (pack(A, B, b"\x2a", 1, b"\4", 8, ("I", 31), b"\1", 7) + VOTERS + PRIOR + VOTE_END, {}),
    3: (
        pack(A, B, C, D, ("H", 4_299), ("H", 1), 5, b"\1", bytes(48), 1, b"\4", 8, ("I", 31), b"\1", 7)
        + VOTERS
        + VOTE_END,
        {"priorVoters": []},
    ),
}


@pytest.mark.parametrize("version", VOTES)
def test_vote_accounts_of_every_version(version: int) -> None:
    data, differences = VOTES[version]
    shown = show(VOTE_PROGRAM, tag(version) + data + bytes(100))
    assert shown["program"] == "vote"
    assert shown["parsed"] == {"type": "vote", "info": VOTE_INFO | differences}
    assert show(VOTE_PROGRAM, tag(version) + data[:-1]) is None


SYSVAR_DATA: dict[str, tuple[bytes, Any]] = {
    "clock": (
        pack(8, ("q", START), 2, 3, ("q", START + 5)),
        {"slot": 8, "epochStartTimestamp": START, "epoch": 2, "leaderScheduleEpoch": 3, "unixTimestamp": START + 5},
    ),
    "epochSchedule": (
        pack(432, 431, b"\1", 14, 524),
        {
            "slotsPerEpoch": 432,
            "leaderScheduleSlotOffset": 431,
            "warmup": True,
            "firstNormalEpoch": 14,
            "firstNormalSlot": 524,
        },
    ),
    "fees": (pack(5000), {"feeCalculator": {"lamportsPerSignature": "5000"}}),
    "recentBlockhashes": (
        pack(2, A, 5000, B, 0),
        [
            {"blockhash": a, "feeCalculator": {"lamportsPerSignature": "5000"}},
            {"blockhash": b, "feeCalculator": {"lamportsPerSignature": "0"}},
        ],
    ),
    "rent": (
        pack(3480, ("d", 2.0), b"\x32"),
        {"lamportsPerByteYear": "3480", "exemptionThreshold": 2.0, "burnPercent": 50},
    ),
    "rewards": (pack(("d", 1.5), ("d", 0.0)), {"validatorPointValue": 1.5}),
    "slotHashes": (pack(1, 7, A), [{"slot": 7, "hash": a}]),
    "stakeHistory": (
        pack(1, 6, 10, 2, 3),
        [{"epoch": 6, "stakeHistory": {"effective": 10, "activating": 2, "deactivating": 3}}],
    ),
    "lastRestartSlot": (pack(12), {"lastRestartSlot": 12}),
    "epochRewards": (
        pack(42, 3, A, 9, 1, 100, 20, b"\1"),
        {
            "distributionStartingBlockHeight": 42,
            "numPartitions": 3,
            "parentBlockhash": a,
            "totalPoints": str(2**64 + 9),
            "totalRewards": "100",
            "distributedRewards": "20",
            "active": True,
        },
    ),
}


@pytest.mark.parametrize("kind", SYSVAR_DATA)
def test_sysvars(kind: str) -> None:
    data, info = SYSVAR_DATA[kind]
    shown = show(SYSVAR_OWNER, data, SYSVARS[kind])
    assert shown == {"program": "sysvar", "parsed": {"type": kind, "info": info}, "space": len(data)}
    assert show(SYSVAR_OWNER, data[:-1], SYSVARS[kind]) is None
    assert show(SYSVAR_OWNER, data, E) is None, "the address says which sysvar it is"


def test_slot_history_is_a_digit_per_slot() -> None:
    slots = 1024 * 1024
    words = bytearray(slots // 8)
    for slot in (0, 3, 64, slots - 1):
        words[slot // 8] |= 1 << slot % 8
    data = pack(b"\1", slots // 64, bytes(words), slots, 65)
    info = show(SYSVAR_OWNER, data, SYSVARS["slotHistory"])["parsed"]["info"]
    assert info["nextSlot"] == 65
    assert len(info["bits"]) == slots
    assert [slot for slot, digit in enumerate(info["bits"]) if digit == "1"] == [0, 3, 64, slots - 1]
    for damaged in (b"\0" + data[1:], pack(b"\1", 1, 1, 64, 65), b"\2" + data[1:]):
        assert show(SYSVAR_OWNER, damaged, SYSVARS["slotHistory"]) is None


def test_sysvars_of_the_chain_agree_with_its_methods(chain: Chain) -> None:
    def info(kind: str) -> Any:
        return chain.value("getAccountInfo", str(SYSVARS[kind]), PARSED)["data"]["parsed"]["info"]

    assert info("clock")["slot"] == chain.result("getSlot")
    assert info("epochSchedule") == chain.result("getEpochSchedule")
    rent = info("rent")
    minimum = 128 * int(rent["lamportsPerByteYear"]) * rent["exemptionThreshold"]
    assert minimum == chain.result("getMinimumBalanceForRentExemption", 0)


def test_stake_config_is_known_by_its_address() -> None:
    address = Pubkey.from_string("StakeConfig11111111111111111111111111111111")
    data = pack(b"\0", ("d", 0.25), b"\x0c")
    info = {"warmupCooldownRate": 0.25, "slashPenalty": 12}
    assert show(CONFIG_PROGRAM, data, address)["parsed"] == {"type": "stakeConfig", "info": info}
    assert show(CONFIG_PROGRAM, data) is None


@pytest.mark.parametrize(
    "content", ["NaN", '{"a":1e999}', '"\\ud800"', "{", "[" * 100_000, "", '{"a":Infinity}', "1" * 5_000]
)
def test_information_that_is_not_json_stays_encoded(content: str) -> None:
    key = Pubkey.from_string("Va1idator1nfo111111111111111111111111111111")
    data = b"\1" + pack(key, b"\0", len(content)) + content.encode()
    assert show(CONFIG_PROGRAM, data) is None


@pytest.mark.parametrize("owner", OWNERS)
def test_a_state_that_is_not_known_stays_encoded(owner: Pubkey) -> None:
    assert show(owner, b"\xff" * 400) is None
    assert show(owner, b"") is None
    assert show(Pubkey.new_unique(), bytes(200)) is None


def test_an_uninitialized_nonce_and_multisig_stay_encoded() -> None:
    assert show(SYSTEM_PROGRAM, tag(1) + tag(0) + bytes(72)) is None
    assert show(SYSTEM_PROGRAM, tag(2) + tag(1) + bytes(72)) is None
    assert show(TOKEN_PROGRAM, b"\2\3\0" + bytes(11 * 32)) is None


@given(st.sampled_from(OWNERS), st.sampled_from([E, *SYSVARS.values()]), st.binary(max_size=400), st.integers(0, 5))
def test_any_data_is_parsed_or_refused(owner: Pubkey, address: Pubkey, data: bytes, number: int) -> None:
    for content in (data, tag(number) + data):
        shown = show(owner, content, address)
        assert shown is None or shown["space"] == len(content)
        json.dumps(shown, allow_nan=False).encode()
