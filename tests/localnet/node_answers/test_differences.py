"""The answers that differ from those of a node: each is documented with its reason, and still differs."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Final

import pytest
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from tests.localnet.harness import PAGE
from tests.localnet.node_answers.asking import Asker

SOL: Final = 10**9


def new_blockhash(asker: Asker) -> None:
    payer, blockhash = Keypair().pubkey(), asker.blockhash()
    instruction = transfer(TransferParams(from_pubkey=payer, to_pubkey=payer, lamports=1))
    message = base64.b64encode(bytes(Message.new_with_blockhash([instruction], payer, blockhash))).decode()
    for level in ("processed", "confirmed", "finalized"):
        assert asker.result("isBlockhashValid", str(blockhash), {"commitment": level})["value"] is True
        assert asker.result("getFeeForMessage", message, {"commitment": level})["value"] == 5000


def newest_transactions(asker: Asker) -> None:
    wallet = str(Pubkey.new_unique())
    signature = asker.result("requestAirdrop", wallet, SOL)
    for level in ("confirmed", "finalized"):
        assert asker.result("getTransaction", signature, {"commitment": level}) is not None
        found = asker.result("getSignaturesForAddress", wallet, {"commitment": level})
        assert [item["signature"] for item in found] == [signature]
        assert asker.result("getBalance", wallet, {"commitment": level})["value"] == SOL


def blocks(asker: Asker) -> None:
    signature = asker.result("requestAirdrop", str(Pubkey.new_unique()), SOL)
    slot = asker.result("getTransaction", signature)["slot"]
    asker.result("localnet_warpSlots", 1)
    block = asker.result("getBlock", slot, {"transactionDetails": "signatures"})
    assert signature in block["signatures"]
    assert [reward["rewardType"] for reward in block["rewards"]] == ["Fee"]
    empty = asker.result("getBlock", slot + 1, {"transactionDetails": "signatures"})
    assert empty["signatures"] == empty["rewards"] == []


def nodes(asker: Asker) -> None:
    (node,) = asker.result("getClusterNodes")
    assert {node.get(name) for name in ("gossip", "tpu", "tvu", "serveRepair")} == {None}


def supply(asker: Asker) -> None:
    assert asker.result("getSupply")["value"]["nonCirculatingAccounts"] == []


def snapshots(asker: Asker) -> None:
    asker.result("localnet_takeSnapshot")
    assert asker.error("getHighestSnapshotSlot") == {"code": -32008, "message": "No snapshot"}


def airdrops(asker: Asker) -> None:
    error = asker.error("requestAirdrop", str(Pubkey.new_unique()), SOL, {"recentBlockhash": "1" * 32})
    assert error == {"code": -32603, "message": "airdrop request failed: Blockhash not found"}


CHECKS: Final[dict[str, Callable[[Asker], None]]] = {
    "a new blockhash is valid, and has a fee, at every commitment": new_blockhash,
    "the newest transactions are found at every commitment": newest_transactions,
    "a block has only transactions of clients, and one without them no rewards": blocks,
    "`getClusterNodes` has no `gossip`, `tpu`, `tvu` or `serveRepair` address": nodes,
    "`getSupply` lists no `nonCirculatingAccounts`": supply,
    '`getHighestSnapshotSlot` is always "No snapshot"': snapshots,
    "an airdrop that cannot land is an error with the reason": airdrops,
}


def test_the_documented_differences_are_these() -> None:
    section = PAGE.partition("### Answers that differ\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.MULTILINE)[1:]
    assert [answer for answer, _ in rows] == list(CHECKS)


@pytest.mark.parametrize("difference", CHECKS)
def test_difference(asker: Asker, difference: str) -> None:
    CHECKS[difference](asker)
