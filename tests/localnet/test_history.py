"""The history: transactions, signatures of an address, blocks, and its capacity."""

from __future__ import annotations

import base64

import pytest
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from psyche_cli import base58
from tests.localnet.harness import MEMO, SOL, START, Chain, move, start_chain


def test_transaction_in_every_encoding(chain: Chain) -> None:
    transaction = chain.transfer(Pubkey.new_unique(), SOL)
    signature = chain.send(transaction)
    as_json = chain.result("getTransaction", signature)
    assert as_json["transaction"]["signatures"] == [signature]
    assert as_json["transaction"]["message"]["accountKeys"] == [str(key) for key in transaction.message.account_keys]
    assert (as_json["slot"], as_json["blockTime"]) == (1, START)
    assert "version" not in as_json
    encoded = chain.result("getTransaction", signature, {"encoding": "base64", "maxSupportedTransactionVersion": 0})
    assert base64.b64decode(encoded["transaction"][0]) == bytes(transaction)
    assert encoded["version"] == "legacy"
    older = chain.result("getTransaction", signature, "base58")
    assert base58.decode(older["transaction"][0]) == bytes(transaction)
    parsed = chain.result("getTransaction", signature, {"encoding": "jsonParsed"})
    keys = parsed["transaction"]["message"]["accountKeys"]
    assert keys[0] == {"pubkey": str(chain.payer.pubkey()), "signer": True, "writable": True, "source": "transaction"}
    assert [key["writable"] for key in keys] == [True, True, False]


def test_versioned_transaction_needs_a_client_that_knows_versions(chain: Chain) -> None:
    message = MessageV0.try_compile(
        chain.payer.pubkey(), [move(chain.payer, Pubkey.new_unique(), SOL)], [], chain.blockhash()
    )
    signature = chain.send(VersionedTransaction(message, [chain.payer]))
    error = chain.error("getTransaction", signature)
    assert error["code"] == -32015
    assert "maxSupportedTransactionVersion" in error["message"]
    result = chain.result("getTransaction", signature, {"maxSupportedTransactionVersion": 0})
    assert result["version"] == 0
    assert result["meta"]["loadedAddresses"] == {"writable": [], "readonly": []}


def test_unknown_transaction_is_null(chain: Chain) -> None:
    assert chain.result("getTransaction", str(Signature.new_unique())) is None
    assert chain.value("getSignatureStatuses", [str(Signature.new_unique())]) == [None]
    assert chain.error("getTransaction", "nonsense")["code"] == -32602
    assert chain.error("getSignatureStatuses", [str(Signature.new_unique())] * 257)["code"] == -32602


def test_signatures_of_an_address_page_by_page(chain: Chain) -> None:
    to = Pubkey.new_unique()
    sent = [chain.send(chain.transfer(to, SOL + number)) for number in range(7)]
    newest_first = sent[::-1]

    def page(**options: object) -> list[str]:
        return [item["signature"] for item in chain.result("getSignaturesForAddress", str(to), options)]

    assert page() == newest_first
    assert page(limit=3) == newest_first[:3]
    assert page(limit=3, before=newest_first[2]) == newest_first[3:6]
    assert page(until=newest_first[4]) == newest_first[:4]
    assert page(before=newest_first[0], until=newest_first[3]) == newest_first[1:3]
    assert page(before=str(Signature.new_unique())) == []
    for limit in (0, 1001):
        assert chain.error("getSignaturesForAddress", str(to), {"limit": limit})["code"] == -32602
    assert chain.result("getSignaturesForAddress", str(Pubkey.new_unique())) == []


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getTransaction", [str(Signature.default())]),
        ("getSignaturesForAddress", [str(Pubkey.default())]),
        ("getBlock", [1]),
        ("getBlocks", [1]),
        ("getBlocks", [1, 1]),
        ("getBlocks", [1, None]),
        ("getBlocksWithLimit", [1, 1]),
    ],
)
def test_history_begins_at_confirmed(chain: Chain, method: str, params: list[object]) -> None:
    error = chain.error(method, *params, {"commitment": "processed"})
    assert error == {"code": -32602, "message": "Method does not support commitment below `confirmed`"}
    for commitment in ("confirmed", "finalized", None):
        chain.result(method, *params, {"commitment": commitment})


def test_open_range_of_blocks_is_cut_and_a_given_one_is_refused(chain: Chain) -> None:
    chain.result("localnet_warpSlots", 1_000_000)
    assert chain.result("getBlocks", 0) == [0, 1]
    assert chain.result("getBlocks", 0, {"minContextSlot": 5}) == [0, 1]
    assert chain.error("getBlocks", 0, 1_000_000)["message"] == "Slot range too large; max 500000"
    assert chain.error("getBlocks", 0, None, {"minContextSlot": 10**9})["code"] == -32016


def test_memo_and_failure_show_in_signatures(chain: Chain) -> None:
    signature = chain.send(chain.sign(Instruction(MEMO, "für Ada".encode(), [])))
    chain.send(chain.transfer(Pubkey.new_unique(), 1000 * SOL), skipPreflight=True)
    failed, with_memo = chain.result("getSignaturesForAddress", str(chain.payer.pubkey()))
    assert failed["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert with_memo == {
        "signature": signature,
        "slot": 1,
        "err": None,
        "memo": "[8] für Ada",
        "blockTime": START,
        "confirmationStatus": "finalized",
    }


def test_blocks_hold_their_transactions(chain: Chain) -> None:
    chain.pass_slots(5)
    at = chain.blockhash()
    sent = [chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at)) for _ in range(3)]
    chain.pass_slots(2)
    block = chain.result("getBlock", 6, {"encoding": "base64", "maxSupportedTransactionVersion": 0})
    assert [
        str(VersionedTransaction.from_bytes(base64.b64decode(item["transaction"][0])).signatures[0])
        for item in block["transactions"]
    ] == sent
    assert (block["parentSlot"], block["blockHeight"]) == (5, 6)
    following = chain.result("getBlock", 7, {"transactionDetails": "none", "rewards": False})
    assert following["previousBlockhash"] == block["blockhash"]
    assert set(following) == {"blockhash", "previousBlockhash", "parentSlot", "blockTime", "blockHeight"}
    assert chain.result("getBlock", 6, {"transactionDetails": "signatures"})["signatures"] == sent
    accounts = chain.result("getBlock", 6, {"transactionDetails": "accounts"})["transactions"][0]
    assert accounts["transaction"]["accountKeys"][0]["signer"] is True
    assert accounts["meta"]["fee"] == 5000
    assert chain.result("getBlocks", 5, 7) == [5, 6, 7]
    assert chain.result("getBlocks", 6) == [6, 7, 8]
    assert chain.result("getBlocks", 6, {"commitment": "finalized"}) == [6, 7, 8]
    assert chain.result("getBlocksWithLimit", 2, 3) == [2, 3, 4]
    assert chain.result("getBlockTime", 6) == START + 2


def test_missing_blocks(chain: Chain) -> None:
    chain.pass_slots(10_000)
    assert chain.error("getBlock", 20_000) == {"code": -32004, "message": "Block not available for slot 20000"}
    assert chain.error("getBlock", 5_000)["code"] == -32007
    assert chain.error("getBlockTime", 20_000)["code"] == -32004


@pytest.mark.parametrize("capacity", [1, 5])
def test_history_is_bounded_and_forgets_the_oldest(capacity: int) -> None:
    chain = start_chain(history_capacity=capacity)
    to = Pubkey.new_unique()
    sent = []
    for number in range(9):
        sent.append(chain.send(chain.transfer(to, SOL + number)))
        chain.pass_slots(1)
    kept = sent[-capacity:]
    assert [item["signature"] for item in chain.result("getSignaturesForAddress", str(to))] == kept[::-1]
    assert [chain.result("getTransaction", signature) is not None for signature in sent] == [
        signature in kept for signature in sent
    ]
    assert chain.error("getBlock", 1)["code"] == -32001
    assert chain.result("getTransactionCount") == 9
    assert chain.balance(to) == sum(SOL + number for number in range(9))


def test_the_first_available_block_is_the_first_with_all_transactions() -> None:
    chain = start_chain(history_capacity=3)
    assert chain.result("getFirstAvailableBlock") == 0
    for _ in range(3):
        chain.send(chain.transfer(Pubkey.new_unique(), SOL))
        chain.result("localnet_warpSlots", 2)
    assert chain.result("getFirstAvailableBlock") == 0
    chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    assert chain.result("getFirstAvailableBlock") == 4
    assert chain.error("getBlock", 3)["message"].endswith("First available block: 4")
    assert len(chain.result("getBlock", 5)["transactions"]) == 1


def test_blocks_with_transactions_are_kept(chain: Chain) -> None:
    signature = chain.send(chain.transfer(Pubkey.new_unique(), SOL))
    for _ in range(41):
        chain.result("localnet_warpSlots", 1000)
    assert chain.result("getFirstAvailableBlock") == 0
    assert chain.result("getBlock", 1, {"transactionDetails": "signatures"})["signatures"] == [signature]
    assert chain.error("getBlock", 2)["code"] == -32007
    assert chain.result("getBlocks", 0, 1000) == [1]
