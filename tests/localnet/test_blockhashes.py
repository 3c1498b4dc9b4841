"""A blockhash is valid for 150 blocks, and clients can determine its expiry from block heights."""

from __future__ import annotations

import base64

from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.limits import BLOCKHASH_MAX_AGE
from psyche_cli.localnet.chain.blockhashes import MAX_BLOCKS_AT_ONCE, BlockChain
from tests.localnet.harness import Chain, text


def test_accepted_at_150_blocks_and_refused_at_151(chain: Chain) -> None:
    latest = chain.value("getLatestBlockhash")
    blockhash = latest["blockhash"]
    to = Pubkey.new_unique()
    early, late = (chain.transfer(to, lamports, at=Hash.from_string(blockhash)) for lamports in (1_000_000, 2_000_000))

    chain.pass_slots(150)
    assert chain.value("isBlockhashValid", blockhash) is True
    assert chain.result("getBlockHeight") == latest["lastValidBlockHeight"]
    chain.send(early)

    chain.pass_slots(1)
    assert chain.value("isBlockhashValid", blockhash) is False
    assert chain.result("getBlockHeight") > latest["lastValidBlockHeight"]
    error = chain.error("sendTransaction", text(late), {"encoding": "base64"})
    assert (error["code"], error["message"]) == (-32002, "Transaction simulation failed: Blockhash not found")
    assert error["data"]["err"] == "BlockhashNotFound"
    assert chain.balance(to) == 1_000_000


def test_expired_transaction_sent_without_preflight_never_lands(chain: Chain) -> None:
    to = Pubkey.new_unique()
    transaction = chain.transfer(to, 1_000_000)
    chain.pass_slots(151)
    signature = chain.send(transaction, skipPreflight=True)
    assert signature == str(transaction.signatures[0])
    assert chain.status(signature) is None
    assert chain.balance(to) == 0
    assert chain.log == [f"dropped  system::transfer  by {chain.payer.pubkey()}  Blockhash not found  {signature}"]


def test_unknown_blockhash(chain: Chain) -> None:
    assert chain.value("isBlockhashValid", str(Hash.new_unique())) is False
    error = chain.error(
        "sendTransaction", text(chain.transfer(Pubkey.new_unique(), 1, at=Hash.new_unique())), {"encoding": "base64"}
    )
    assert error["data"]["err"] == "BlockhashNotFound"


def test_blockhash_changes_with_each_slot_and_not_within_one(chain: Chain) -> None:
    first = chain.blockhash()
    assert chain.blockhash() == first
    chain.pass_slots(1)
    assert chain.blockhash() != first


def test_fee_for_message_is_null_once_the_blockhash_is_too_old(chain: Chain) -> None:
    message = base64.b64encode(bytes(chain.transfer(Pubkey.new_unique(), 1).message)).decode()
    assert chain.value("getFeeForMessage", message) == 5000
    chain.pass_slots(151)
    assert chain.value("getFeeForMessage", message) is None


def test_long_jump_skips_slots_but_expires_every_older_blockhash() -> None:
    chain = BlockChain(Hash.new_unique(), 1000)
    genesis = chain.tip.blockhash
    chain.append(1, 1001)
    chain.append(100_000, 5000)
    assert chain.is_usable(genesis)
    assert chain.tip.height == 2
    assert chain.tip.parent_slot == 1
    assert chain.block(50_000) is None
    for slot in range(100_001, 100_001 + BLOCKHASH_MAX_AGE):
        chain.append(slot, 5001)
    assert not chain.is_usable(genesis)
    assert MAX_BLOCKS_AT_ONCE > BLOCKHASH_MAX_AGE


def test_remembered_blocks_are_bounded_and_time_never_goes_back() -> None:
    chain = BlockChain(Hash.new_unique(), 1000, capacity=600)
    for slot in range(1, 1001):
        chain.append(slot, 2000 - slot)
    assert chain.block(400) is None
    assert chain.slots(0, 2000) == list(range(401, 1001))
    assert chain.slots(990, 2000) == list(range(990, 1001))
    assert chain.tip.unix_time == 1999
    assert [slot for slot, _ in chain.slot_hashes()] == list(range(1000, 488, -1))
