"""The fields of transactions, blocks and statuses, and the rules by which they are null, absent or rounded."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from spl.token.instructions import create_associated_token_account, get_associated_token_address

from psyche_cli import base58
from tests.localnet.node_answers.asking import Asker
from tests.localnet.tokens import new_mint

SOL = 10**9
MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
BELOW = {"commitment": "confirmed"}
VERSION = {"maxSupportedTransactionVersion": 0}
META = {
    "computeUnitsConsumed", "costUnits", "err", "fee", "innerInstructions", "logMessages", "postBalances",
    "postTokenBalances", "preBalances", "preTokenBalances", "rewards", "status",
}  # fmt: skip
BLOCK = {"blockHeight", "blockTime", "blockhash", "parentSlot", "previousBlockhash", "rewards"}


class Landed:
    """A payment with a memo, the making of a mint, a failed payment and one of version 0, each in a slot of its own."""

    def __init__(self, asker: Asker) -> None:
        self.payer, self.friend = Keypair(), Pubkey.new_unique()
        asker.result("requestAirdrop", str(self.payer.pubkey()), 100 * SOL)
        memo = Instruction(MEMO, b"hello", [AccountMeta(self.payer.pubkey(), True, False)])
        self.paid = asker.land(self.pay(SOL), memo, signers=[self.payer])
        asker.result("localnet_warpSlots", 1)
        self.mint = new_mint(self.payer.pubkey(), rent=1_461_600, decimals=6, base_units=7_000_000)
        self.minted = asker.land(*self.mint.instructions, signers=[self.payer, self.mint.mint])
        asker.result("localnet_warpSlots", 1)
        self.failed = asker.land(self.pay(10**15), signers=[self.payer], skipPreflight=True)
        asker.result("localnet_warpSlots", 1)
        message = MessageV0.try_compile(self.payer.pubkey(), [self.pay(1)], [], asker.blockhash())
        text = base64.b64encode(bytes(VersionedTransaction(message, [self.payer]))).decode()
        self.version_0 = asker.result("sendTransaction", text, {"encoding": "base64"})
        asker.result("localnet_warpSlots", 1)

    def pay(self, lamports: int) -> Instruction:
        return transfer(TransferParams(from_pubkey=self.payer.pubkey(), to_pubkey=self.friend, lamports=lamports))


@pytest.fixture(scope="module")
def landed(asker: Asker) -> Landed:
    return Landed(asker)


@pytest.mark.parametrize(
    ("encoding", "extra", "shown"),
    [
        ("json", {"loadedAddresses"}, dict),
        ("jsonParsed", set(), dict),
        ("base64", {"loadedAddresses"}, list),
        ("base58", {"loadedAddresses"}, list),
        ("binary", {"loadedAddresses"}, str),
    ],
)
def test_fields_of_a_transaction(asker: Asker, landed: Landed, encoding: str, extra: set[str], shown: type) -> None:
    for signature in (landed.paid, landed.minted, landed.failed):
        found = asker.result("getTransaction", signature, {"encoding": encoding, **BELOW})
        assert found.keys() == {"blockTime", "meta", "slot", "transaction"}
        assert found["meta"].keys() == META | extra
        assert isinstance(found["transaction"], shown)
        versioned = asker.result("getTransaction", signature, {"encoding": encoding, **VERSION})
        assert versioned == {**found, "version": "legacy"}


def test_the_encoding_may_stand_in_place_of_the_options(asker: Asker, landed: Landed) -> None:
    in_base64, in_base58, binary = [
        asker.result("getTransaction", landed.paid, encoding)["transaction"]
        for encoding in ("base64", "base58", "binary")
    ]
    assert in_base58 == [binary, "base58"]
    assert in_base64 == [base64.b64encode(base58.decode(binary)).decode(), "base64"]


def test_instructions_have_heights(asker: Asker, landed: Landed) -> None:
    for encoding in ("json", "jsonParsed"):
        found = asker.result("getTransaction", landed.minted, encoding)
        assert {item["stackHeight"] for item in found["transaction"]["message"]["instructions"]} == {1}
        inner = [item for outer in found["meta"]["innerInstructions"] for item in outer["instructions"]]
        assert inner
        assert {item["stackHeight"] for item in inner} == {2}


def test_a_ui_amount_of_zero_is_null_only_in_the_history(asker: Asker, landed: Landed) -> None:
    friend = Pubkey.new_unique()
    instruction = create_associated_token_account(landed.payer.pubkey(), friend, landed.mint.address)
    text = asker.signed(instruction, signers=[landed.payer])
    simulated = asker.result("simulateTransaction", text, {"encoding": "base64"})["value"]
    signature = asker.result("sendTransaction", text, {"encoding": "base64"})
    meta = asker.result("getTransaction", signature, BELOW)["meta"]
    zero = {"amount": "0", "decimals": 6, "uiAmountString": "0"}
    assert [item["uiTokenAmount"] for item in meta["postTokenBalances"]] == [{**zero, "uiAmount": None}]
    assert [item["uiTokenAmount"] for item in simulated["postTokenBalances"]] == [{**zero, "uiAmount": 0.0}]
    holder = get_associated_token_address(friend, landed.mint.address)
    assert asker.result("getTokenAccountBalance", str(holder))["value"] == {**zero, "uiAmount": 0.0}


def test_a_transaction_of_version_0_needs_a_request_for_it(asker: Asker, landed: Landed) -> None:
    assert asker.error("getTransaction", landed.version_0, BELOW) == {
        "code": -32015,
        "message": "Transaction version (0) is not supported by the requesting client. Please try the request again "
        'with the following configuration parameter: "maxSupportedTransactionVersion": 0',
    }
    found = asker.result("getTransaction", landed.version_0, VERSION)
    assert found["version"] == 0
    assert found["transaction"]["message"]["addressTableLookups"] == []


@pytest.mark.parametrize(
    ("options", "extra", "of_transaction", "rewards"),
    [
        ({}, {"transactions"}, {"meta", "transaction"}, []),
        ({"encoding": "jsonParsed"}, {"transactions"}, {"meta", "transaction"}, []),
        ({"encoding": "base64", **VERSION}, {"transactions"}, {"meta", "transaction", "version"}, []),
        ({"transactionDetails": "accounts"}, {"transactions"}, {"meta", "transaction"}, []),
        ({"transactionDetails": "signatures"}, {"signatures"}, None, None),
        ({"transactionDetails": "none"}, set(), None, None),
    ],
)
def test_fields_of_a_block(
    asker: Asker,
    landed: Landed,
    options: dict[str, Any],
    extra: set[str],
    of_transaction: set[str] | None,
    rewards: list[Any] | None,
) -> None:
    slot = asker.result("getTransaction", landed.paid, BELOW)["slot"]
    block = asker.result("getBlock", slot, options)
    assert block.keys() == BLOCK | extra
    without = asker.result("getBlock", slot, {**options, "rewards": False})
    assert without.keys() == BLOCK - {"rewards"} | extra
    if of_transaction is not None:
        last = block["transactions"][-1]
        assert last.keys() == of_transaction
        assert last["meta"]["rewards"] == rewards
        assert without["transactions"][-1]["meta"].get("rewards") is None


def test_accounts_of_a_block_have_fewer_fields(asker: Asker, landed: Landed) -> None:
    slot = asker.result("getTransaction", landed.paid, BELOW)["slot"]
    last = asker.result("getBlock", slot, {"transactionDetails": "accounts"})["transactions"][-1]
    assert last["transaction"].keys() == {"accountKeys", "signatures"}
    assert last["meta"].keys() == {
        "err", "fee", "postBalances", "postTokenBalances", "preBalances", "preTokenBalances", "rewards", "status",
    }  # fmt: skip
    assert last["transaction"]["accountKeys"][0] == {
        "pubkey": str(landed.payer.pubkey()), "signer": True, "writable": True, "source": "transaction",
    }  # fmt: skip
    without = asker.result("getBlock", slot, {"transactionDetails": "accounts", "rewards": False})
    assert "rewards" not in without["transactions"][-1]["meta"]


def test_fields_of_signatures_and_statuses(asker: Asker, landed: Landed) -> None:
    failed = {"InstructionError": [0, {"Custom": 1}]}
    found = asker.result("getSignaturesForAddress", str(landed.friend), {"limit": 5})
    assert [(item["signature"], item["err"], item["memo"]) for item in found] == [
        (landed.version_0, None, None),
        (landed.failed, failed, None),
        (landed.paid, None, "[5] hello"),
    ]
    fields = {"blockTime", "confirmationStatus", "err", "memo", "signature", "slot"}
    assert all(item.keys() == fields for item in found)
    until = asker.result(
        "getSignaturesForAddress", str(landed.friend), {"until": landed.paid, "before": landed.version_0}
    )
    assert [item["signature"] for item in until] == [landed.failed]
    paid, bad, unknown = asker.result("getSignatureStatuses", [landed.paid, landed.failed, "1" * 64])["value"]
    assert unknown is None
    assert paid.keys() == {"confirmationStatus", "confirmations", "err", "slot", "status"}
    assert (paid["status"], bad["status"]) == ({"Ok": None}, {"Err": failed})


def test_old_statuses_are_only_found_by_a_search(asker: Asker, landed: Landed) -> None:
    asker.result("localnet_warpSlots", 301)
    search = {"searchTransactionHistory": True}
    assert asker.result("getSignatureStatuses", [landed.paid])["value"] == [None]
    assert asker.result("getSignatureStatuses", [landed.paid], {"searchTransactionHistory": False})["value"] == [None]
    assert asker.result("getSignatureStatuses", [landed.paid], search)["value"][0]["err"] is None
