"""The control methods: warps, setAccount, snapshots, reset."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import zstandard
from solders.account import Account
from solders.hash import Hash
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.localnet.rpc.methods.control import MAX_SNAPSHOTS
from tests.localnet.harness import FEE, SOL, START, Chain, some_program, text

UPGRADEABLE_LOADER = "BPFLoaderUpgradeab1e11111111111111111111111"


def test_warp_seconds_moves_time_slots_and_expires_blockhashes(chain: Chain) -> None:
    before = chain.blockhash()
    assert chain.result("localnet_warpSeconds", 3600) == {
        "slot": 7201,
        "blockHeight": 1 + 512,
        "unixTimestamp": START + 3600,
    }
    assert chain.value("isBlockhashValid", str(before)) is False
    assert chain.result("getBlockTime", 7201) == START + 3600


def test_warp_of_less_than_a_slot_still_moves_the_clock(chain: Chain) -> None:
    chain.dispatcher.context.bank.timekeeper.slot_seconds = 10
    moved = chain.result("localnet_warpSeconds", 1)
    assert (moved["slot"], moved["unixTimestamp"]) == (2, START + 1)


def test_warp_slots_leaves_the_time(chain: Chain) -> None:
    assert chain.result("localnet_warpSlots", 100) == {"slot": 101, "blockHeight": 101, "unixTimestamp": START}
    for wrong in (-1, 1.5, "10", None, 10**11):
        assert chain.error("localnet_warpSlots", wrong)["code"] == -32602
    for wrong in (-1, 10**10):
        assert chain.error("localnet_warpSeconds", wrong)["code"] == -32602


def test_warp_of_a_hundred_years(chain: Chain) -> None:
    seconds = 100 * 365 * 86400
    assert chain.result("localnet_warpSeconds", seconds)["unixTimestamp"] == START + seconds
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))


def test_account_is_set_as_it_is_read(chain: Chain) -> None:
    address, owner = str(Pubkey.new_unique()), str(Pubkey.new_unique())
    account = {
        "lamports": 5,
        "owner": owner,
        "data": [base64.b64encode(b"content").decode(), "base64"],
        "executable": False,
        "rentEpoch": 3,
        "space": 7,
    }
    chain.result("localnet_setAccount", address, account)
    assert chain.value("getAccountInfo", address, {"encoding": "base64"}) == account
    assert chain.result("getProgramAccounts", owner)[0]["pubkey"] == address
    chain.result("localnet_setAccount", address, {"lamports": 0})
    assert chain.value("getAccountInfo", address) is None
    assert chain.result("getProgramAccounts", owner) == []


@pytest.mark.parametrize(
    "account",
    [None, {}, {"lamports": -1}, {"lamports": 1, "data": "text"}, {"lamports": 1, "data": ["0", "base58"]},
     {"lamports": 1, "data": ["z" * 16385, "base58"]},
     {"lamports": 1, "data": ["", "base32"]},
     {"lamports": 1, "data": ["!", "base64"]}, {"lamports": 1, "owner": "x"}, {"lamports": 1, "executable": "no"}],
)  # fmt: skip
def test_wrong_accounts(chain: Chain, account: Any) -> None:
    assert chain.error("localnet_setAccount", str(Pubkey.new_unique()), account)["code"] == -32602


@pytest.mark.parametrize(
    ("address", "account"),
    [
        (str(Pubkey.new_unique()), {"lamports": 1, "executable": True}),
        (str(Pubkey.new_unique()), {"lamports": 1, "executable": True, "owner": UPGRADEABLE_LOADER}),
        ("SysvarC1ock11111111111111111111111111111111", {"lamports": 1, "data": ["AAAA", "base64"]}),
    ],
)  # fmt: skip
def test_accounts_that_the_vm_cannot_use(chain: Chain, address: str, account: Any) -> None:
    before = chain.value("getAccountInfo", address)
    error = chain.error("localnet_setAccount", address, account)
    assert error["code"] == -32602
    assert "the VM rejects it" in error["message"]
    assert chain.value("getAccountInfo", address) == before
    chain.pass_slots(1)
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))


def test_packed_account_beyond_the_largest_is_refused(chain: Chain) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    for packed in (bomb, b"not packed"):
        account = {"lamports": 1, "data": [base64.b64encode(packed).decode(), "base64+zstd"]}
        assert chain.error("localnet_setAccount", str(Pubkey.new_unique()), account)["code"] == -32602


def test_upgradeable_program_comes_back_with_a_snapshot(chain: Chain) -> None:
    program, code_at = Pubkey.new_unique(), Pubkey.new_unique()
    code = (3).to_bytes(4, "little") + bytes(41) + some_program()
    upgradeable = Pubkey.from_string(UPGRADEABLE_LOADER)
    bank = chain.dispatcher.context.bank
    empty = chain.result("localnet_takeSnapshot")
    bank.set_account(code_at, Account(SOL, code, upgradeable))
    bank.set_account(program, Account(SOL, (2).to_bytes(4, "little") + bytes(code_at), upgradeable, executable=True))
    # Now the program is the older one of the two in the bank's list.
    bank.set_account(code_at, Account(0, b"", upgradeable))
    bank.set_account(code_at, Account(SOL, code, upgradeable))
    full = chain.result("localnet_takeSnapshot")
    chain.result("localnet_restoreSnapshot", empty)
    assert chain.value("getAccountInfo", str(program)) is None
    chain.result("localnet_restoreSnapshot", full)
    chain.pass_slots(1)
    signature = chain.send(chain.sign(Instruction(program, b"memo", [])))
    assert chain.status(signature)["err"] is None


def test_snapshot_brings_back_accounts_history_and_time(chain: Chain) -> None:
    first, second = Pubkey.new_unique(), Pubkey.new_unique()
    earlier = chain.send(chain.transfer(first, SOL))
    snapshot = chain.result("localnet_takeSnapshot")
    undone = chain.transfer(second, 2 * SOL)
    later = chain.send(undone)
    chain.result("localnet_warpSeconds", 86400)
    slot = chain.result("getSlot")

    chain.result("localnet_restoreSnapshot", snapshot)
    assert (chain.balance(first), chain.balance(second)) == (SOL, 0)
    assert chain.balance(chain.payer.pubkey()) == 99 * SOL - FEE
    assert chain.status(earlier) is not None
    assert chain.status(later) is None
    assert chain.result("getTransactionCount") == 1
    assert chain.result("getSlot") == slot + 1
    assert chain.result("getBlockTime", slot + 1) == START
    assert chain.result("getSignaturesForAddress", str(second)) == []

    chain.send(chain.transfer(second, 3 * SOL))
    chain.result("localnet_restoreSnapshot", snapshot)
    assert chain.balance(second) == 0
    chain.result("localnet_dropSnapshot", snapshot)
    assert chain.error("localnet_restoreSnapshot", snapshot)["code"] == -32602


def test_undone_transaction_can_be_sent_again(chain: Chain) -> None:
    to = Pubkey.new_unique()
    snapshot = chain.result("localnet_takeSnapshot")
    transaction = chain.transfer(to, SOL)
    chain.send(transaction)
    chain.result("localnet_restoreSnapshot", snapshot)
    chain.send(transaction)
    assert chain.balance(to) == SOL


def test_reset_returns_to_genesis(chain: Chain) -> None:
    to, address = Pubkey.new_unique(), str(Pubkey.new_unique())
    chain.send(chain.transfer(to, SOL))
    chain.result("localnet_setAccount", address, {"lamports": 5})
    chain.result("localnet_reset")
    assert chain.balance(to) == 0
    assert chain.balance(chain.payer.pubkey()) == 100 * SOL
    assert chain.value("getAccountInfo", address) is None
    assert chain.result("getTransactionCount") == 0
    chain.send(chain.transfer(to, SOL))


def test_program_set_by_hand_runs_and_goes_away_with_a_restore(chain: Chain) -> None:
    program = PSYCHE_PROGRAMS["coordinator"]
    snapshot = chain.result("localnet_takeSnapshot")
    loader = Pubkey.from_string("BPFLoader2111111111111111111111111111111111")
    chain.dispatcher.context.bank.set_account(program, Account(SOL, some_program(), loader, executable=True))
    chain.pass_slots(1)
    signature = chain.send(chain.sign(Instruction(program, b"memo", [])))
    assert chain.status(signature)["err"] is None
    chain.result("localnet_restoreSnapshot", snapshot)
    chain.pass_slots(1)
    error = chain.error("sendTransaction", text(chain.sign(Instruction(program, b"m", []))), {"encoding": "base64"})
    assert error["data"]["err"] == "ProgramAccountNotFound"


def test_snapshots_are_bounded(chain: Chain) -> None:
    numbers = [chain.result("localnet_takeSnapshot") for _ in range(MAX_SNAPSHOTS)]
    assert len(set(numbers)) == MAX_SNAPSHOTS
    assert chain.error("localnet_takeSnapshot")["code"] == -32602
    chain.result("localnet_dropSnapshot", numbers[0])
    assert chain.result("localnet_takeSnapshot") not in numbers
    assert chain.value("isBlockhashValid", str(Hash.new_unique())) is False
