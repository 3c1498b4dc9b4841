"""Memory usage is bounded under sustained load of any kind."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Iterator
from functools import partial

import pytest
from solders.pubkey import Pubkey

from psyche_cli.localnet.chain import bank
from psyche_cli.localnet.chain.blockhashes import BlockChain
from psyche_cli.localnet.chain.commitment import Commitment
from psyche_cli.localnet.server.pubsub import PubSub
from tests.localnet.harness import SOL, Chain, start_chain
from tests.localnet.load import mutated_requests
from tests.support.counts import repetitions

ROUNDS = repetitions(60)
ALLOWED_GROWTH = 64 * 1024
"""Bytes: a small part of what the 600 transactions of the second half would take if they were kept; 2,400 with
``--full``."""


class Listener:
    """A subscriber that discards its messages."""

    def push(self, text: str) -> None:
        pass

    def flush(self) -> None:
        pass


def live(chain: Chain, pubsub: PubSub, bodies: Iterator[bytes], to: list[Pubkey]) -> None:
    """Transactions, subscriptions of clients that disconnect, and invalid requests. The blockhash window takes 8
    rounds."""
    address = str(chain.payer.pubkey())
    for number in range(20):
        chain.send(chain.transfer(to[number % len(to)], 1_000_000 + number))
        chain.send(chain.transfer(to[0], 1000 * SOL + number), skipPreflight=True)
    for _ in range(20):
        listener = Listener()
        for method, topic in (("account", address), ("logs", "all"), ("signature", "1" * 64), ("program", address)):
            pubsub.handle(
                listener, json.dumps({"jsonrpc": "2.0", "id": 1, "method": f"{method}Subscribe", "params": [topic]})
            )
        pubsub.disconnect(listener)
        chain.dispatcher.handle(next(bodies))
    chain.log.clear()
    chain.pass_slots(20)


def test_nothing_grows_beyond_the_bounded_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank, "BlockChain", partial(BlockChain, capacity=600))
    chain = start_chain(history_capacity=100)
    pubsub = PubSub(chain.dispatcher.context)
    to = [Pubkey.new_unique() for _ in range(5)]
    chain.result("localnet_setAccount", str(chain.payer.pubkey()), {"lamports": 10**15})
    # Steering changes what the bound is; it has tests of its own.
    bodies = (body for body in mutated_requests(3, 10_000) if b"localnet_" not in body and b"Airdrop" not in body)
    chain.pass_slots(600)  # so many blocks are kept
    tracemalloc.start()
    try:
        for _ in range(ROUNDS):
            live(chain, pubsub, bodies, to)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(ROUNDS):
            live(chain, pubsub, bodies, to)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < ALLOWED_GROWTH
    assert len(pubsub) == 0
    assert len(chain.dispatcher.context.bank.history.records()) == 100
    assert chain.result("getTransactionCount") == 2 * ROUNDS * 40


def test_held_transactions_do_not_lengthen_garbage_collection() -> None:
    chain = start_chain()

    def followed_after(transactions: int) -> int:
        """The number of objects that the garbage collector follows once the transactions are old."""
        for number in range(transactions):
            chain.send(chain.transfer(Pubkey(bytes([9] * 32)), SOL // 100 + number))
        chain.pass_slots(2)
        chain.dispatcher.context.bank.unseen.records(Commitment.FINALIZED)
        for _ in range(3):
            gc.collect()
        return len(gc.get_objects())

    before = followed_after(20)
    assert followed_after(500) - before < 250
