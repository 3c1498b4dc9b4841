"""PubSub as a node has it: batches, shared subscriptions, and the events of slots, blocks and sysvars."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.localnet.server import slices
from psyche_cli.localnet.server.pubsub import PubSub
from tests.localnet.harness import SOL, Chain, move

CLOCK = "SysvarC1ock11111111111111111111111111111111"
SLOT_HASHES = "SysvarS1otHashes111111111111111111111111111"


class Listener:
    """A connection that keeps what it gets."""

    def __init__(self, chain: Chain, pubsub: PubSub) -> None:
        self.chain, self._pubsub = chain, pubsub
        self._got: list[Any] = []

    def push(self, text: str) -> None:
        self._got.append(json.loads(text))

    def flush(self) -> None:
        """Messages are not collected."""

    def disconnect(self) -> None:
        self._pubsub.disconnect(self)

    def ask(self, *requests: Any) -> Any:
        """The answer to a request or a batch."""
        text = json.dumps(requests[0] if len(requests) == 1 else list(requests))
        self._pubsub.handle(self, text)
        return self._got.pop(0)

    def subscribe(self, method: str, *params: Any) -> int:
        identity = self.ask(request(method, *params))["result"]
        assert isinstance(identity, int)
        return identity

    def results(self, identity: int | None = None) -> list[Any]:
        """The results of the notifications since the last call, of one subscription or all."""
        got, self._got = self._got, []
        found = [message["params"] for message in got]
        return [params["result"] for params in found if identity in (None, params["subscription"])]


def request(method: str, *params: Any, identity: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)}


@pytest.fixture
def pubsub(chain: Chain) -> PubSub:
    return PubSub(chain.dispatcher.context)


@pytest.fixture
def listener(chain: Chain, pubsub: PubSub) -> Listener:
    return Listener(chain, pubsub)


def next_slot(chain: Chain) -> int:
    chain.pass_slots(1)
    slot: int = chain.result("getSlot")
    return slot


def test_batch_is_answered_by_one_array(listener: Listener) -> None:
    signature = listener.chain.send(listener.chain.transfer(Pubkey.new_unique(), SOL))
    answers = listener.ask(
        request("signatureSubscribe", signature, identity="a"),
        {"jsonrpc": "2.0", "method": "rootSubscribe"},
        request("nothing", identity="b"),
        request("slotSubscribe", identity="c"),
    )
    assert [(each["id"], each.get("result"), each.get("error", {}).get("code")) for each in answers] == [
        ("a", 0, None),
        ("b", None, -32601),
        ("c", 2, None),
    ]
    # What has landed before is reported after the answer.
    assert listener.results() == [{"context": {"slot": 1}, "value": {"err": None}}]


def test_batch_has_a_maximum_of_requests(listener: Listener, pubsub: PubSub) -> None:
    answer = listener.ask(*[request("slotSubscribe")] * 1001)
    assert answer["error"] == {"code": -32600, "message": "Too many requests in a batch; max 1000"}
    assert len(pubsub) == 0


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("accountSubscribe", ["x"], "Invalid Request: Invalid pubkey provided"),
        ("programSubscribe", ["x"], "Invalid Request: Invalid pubkey provided"),
        ("signatureSubscribe", ["x"], "Invalid Request: Invalid signature provided"),
        ("logsSubscribe", [{"mentions": ["x"]}], "Invalid Request: Invalid mentions provided"),
        ("logsSubscribe", [{"mentions": []}], "Invalid Request: Only 1 address supported"),
        ("accountSubscribe", [], "`params` should have at least 1 argument(s)"),
        ("accountUnsubscribe", [1000000], "Invalid subscription id."),
        (
            "blockSubscribe",
            [{"mentionsAccountOrProgram": "x"}],
            "Invalid Request: Invalid mentions_account_or_program provided",
        ),
        (
            "blockSubscribe",
            ["all", {"commitment": "processed"}],
            "Method does not support commitment below `confirmed`",
        ),
    ],
)
def test_refusals_are_those_of_a_node(listener: Listener, method: str, params: list[Any], message: str) -> None:
    assert listener.ask(request(method, *params))["error"] == {"code": -32602, "message": message}


def test_same_subscription_has_the_same_id_and_is_notified_once(chain: Chain, pubsub: PubSub) -> None:
    first, second = Listener(chain, pubsub), Listener(chain, pubsub)
    to = str(Pubkey.new_unique())
    shared = first.subscribe("accountSubscribe", to, {"encoding": "base64"})
    assert first.subscribe("accountSubscribe", to, {"encoding": "base64", "commitment": "finalized"}) == shared
    assert second.subscribe("accountSubscribe", to, {"encoding": "base64", "dataSlice": None}) == shared
    assert second.subscribe("accountSubscribe", to, {"encoding": "base64", "commitment": "confirmed"}) != shared
    chain.send(chain.transfer(Pubkey.from_string(to), SOL))
    assert len(first.results(shared)) == 1
    assert len(second.results()) == 2
    assert first.ask(request("accountUnsubscribe", shared))["result"] is True
    chain.send(chain.transfer(Pubkey.from_string(to), SOL + 1))
    assert (len(first.results()), len(second.results(shared))) == (0, 1)
    assert "error" in first.ask(request("accountUnsubscribe", shared))
    pubsub.disconnect(second)
    assert len(pubsub) == 0


def test_slot_updates_are_those_of_a_leader(listener: Listener) -> None:
    identity = listener.subscribe("slotsUpdatesSubscribe")
    chain = listener.chain
    at = chain.blockhash()
    chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
    chain.send(chain.transfer(Pubkey.new_unique(), 1000 * SOL, at=at), skipPreflight=True)
    ended = chain.result("getSlot")
    listener.results()
    begun = next_slot(chain)
    updates = listener.results(identity)
    assert all(type(update.pop("timestamp")) is int for update in updates)
    counts = {"numTransactionEntries": 2, "numSuccessfulTransactions": 1, "numFailedTransactions": 1}
    assert updates[-5:] == [
        {"slot": ended, "type": "frozen", "stats": {**counts, "maxTransactionsPerEntry": 1}},
        {"slot": ended, "type": "root"},
        {"slot": ended, "type": "completed"},
        {"slot": ended, "type": "optimisticConfirmation"},
        {"slot": begun, "parent": ended, "type": "createdBank"},
    ]
    assert listener.ask(request("slotsUpdatesUnsubscribe", identity))["result"] is True


def test_votes_are_never_reported(listener: Listener) -> None:
    identity = listener.subscribe("voteSubscribe")
    next_slot(listener.chain)
    assert listener.results() == []
    assert listener.ask(request("voteUnsubscribe", identity))["result"] is True


def test_clock_is_reported_every_slot(listener: Listener) -> None:
    identity = listener.subscribe("accountSubscribe", CLOCK, {"encoding": "jsonParsed"})
    program = listener.subscribe("programSubscribe", "Sysvar1111111111111111111111111111111111111")
    for _ in range(3):
        next_slot(listener.chain)
    results = listener.results()
    clocks = [each for each in results if "account" not in each["value"]]
    assert len(clocks) == 3
    assert clocks[-1]["value"]["data"]["program"] == "sysvar"
    assert {each["value"]["pubkey"] for each in results if "account" in each["value"]} >= {CLOCK}
    assert identity != program
    hashes = [each["value"]["account"] for each in results if each["value"].get("pubkey") == SLOT_HASHES]
    assert hashes[-1]["data"] == "error: data too large for bs58 encoding"


def test_blocks_are_reported_when_they_are_complete(listener: Listener) -> None:
    chain, to = listener.chain, Pubkey.new_unique()
    every = listener.subscribe("blockSubscribe", "all", {"transactionDetails": "signatures"})
    mentioned = listener.subscribe("blockSubscribe", {"mentionsAccountOrProgram": str(to)}, {"encoding": "json"})
    slot = next_slot(chain)
    listener.results()
    at = chain.blockhash()
    signature = chain.send(chain.transfer(to, SOL, at=at))
    chain.send(chain.transfer(Pubkey.new_unique(), SOL, at=at))
    while chain.result("getSlot") == slot:
        chain.pass_slots(1)
    got = listener.results
    messages = got()
    blocks = {len(each["value"]["block"].get("transactions", ())): each for each in messages}
    assert messages[0]["context"]["slot"] == messages[0]["value"]["slot"]
    [transaction] = blocks[1]["value"]["block"]["transactions"]
    assert transaction["transaction"]["signatures"] == [signature]
    assert blocks[1]["value"]["err"] is None
    listed = [name for each in messages for name in each["value"]["block"].get("signatures", ())]
    assert signature in listed
    assert len(listed) == 2
    next_slot(chain)
    assert all(each["value"]["block"]["signatures"] == [] for each in listener.results(every))
    assert listener.ask(request("blockUnsubscribe", mentioned))["result"] is True


def test_block_with_an_unsupported_version_is_reported_as_an_error(listener: Listener) -> None:
    chain = listener.chain
    identity = listener.subscribe("blockSubscribe", "all")
    message = MessageV0.try_compile(
        chain.payer.pubkey(), [move(chain.payer, Pubkey.new_unique(), SOL)], [], chain.blockhash()
    )
    chain.send(VersionedTransaction(message, [chain.payer]))
    slot = chain.result("getSlot")
    chain.pass_slots(1)
    chain.result("getSlot")
    errors = [each["value"]["err"] for each in listener.results(identity)]
    assert {"UnsupportedTransactionVersion": 0} in errors
    assert slot < chain.result("getSlot")


def test_many_subscribers_of_slots_are_notified_in_parts(chain: Chain) -> None:
    waiting: list[Any] = []
    pubsub = PubSub(chain.dispatcher.context, waiting.append)
    listeners = [Listener(chain, pubsub) for _ in range(150)]
    for each in listeners:
        each.subscribe("slotSubscribe")
    slot = next_slot(chain)
    expected = {"slot": slot, "parent": slot - 1, "root": slot}
    told = [expected in each.results() for each in listeners]
    assert 0 < sum(told) < 150
    assert waiting
    for work in waiting:
        work()
    assert sum(told) + sum(expected in each.results() for each in listeners) == 150


def test_work_is_done_in_turns() -> None:
    async def run() -> None:
        shared, done = slices.Slices(), list[str]()

        def work(name: str, left: int) -> None:
            done.append(name)
            if left:
                shared.add(lambda: work(name, left - 1))

        shared.add(lambda: work("a", 2))
        shared.add(lambda: work("b", 1))
        while len(done) < 5:
            await asyncio.sleep(0)
        assert done == ["a", "b", "a", "b", "a"]

    asyncio.run(run())
