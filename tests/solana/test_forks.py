"""A cluster with a fork: one node is on the minority fork, and the transaction lands late on the majority fork.

The model follows the behavior of a validator. It responds to getSignatureStatuses from its own bank, so on a minority
fork it does not know which transactions landed on the other one. Its confirmed slot may follow from votes for blocks
that are not on its fork; its finalized slot requires two thirds of the votes, and is 32 slots behind.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from psyche_cli.errors import TransactionExpired
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.sending.sender import WRITING_SECONDS, Sender

from .scripted import FINALITY, FakeClock, ScriptedCluster
from .stage import PAYMENT, WALLET

LIFE = 150
"""The number of blocks for which a blockhash is valid, after its own."""
FIRST_SLOT = 100
OFFSET = 50
"""The number of skipped slots, that is, the difference between slot and block height."""


@dataclass
class Node:
    """One node's view. From ``fork_start`` to ``fork_end`` (seconds) it is on a minority fork; it is always ``lag``
    seconds behind. With ``learns_votes``, it knows on its fork what the majority has confirmed and finalized.
    """

    slot_seconds: float
    fork_start: float = 0.0
    fork_end: float = 0.0
    lag: float = 0.0
    learns_votes: bool = True

    def on_fork(self, now: float) -> bool:
        return self.fork_start <= now - self.lag < self.fork_end

    def height(self, now: float) -> int:
        return FIRST_SLOT + int((now - self.lag) / self.slot_seconds + 1e-6)

    def known_height(self, now: float) -> int:
        """The height up to which it has the majority's chain."""
        if self.on_fork(now) and not self.learns_votes:
            return self.height(self.fork_start + self.lag) - 1
        return self.height(now)

    def position(self, now: float, commitment: str) -> Any:
        height = {
            "processed": self.height(now),
            "confirmed": self.known_height(now) - 1,
            "finalized": self.known_height(now) - FINALITY,
        }[commitment]
        return {"absoluteSlot": height + OFFSET, "blockHeight": height}

    def status(self, now: float, landing_height: int | None) -> Any:
        """The status in its bank of a transaction in the majority's block at ``landing_height``."""
        height = self.height(now)
        context = {"slot": height + OFFSET}
        if landing_height is None or height < landing_height or self.on_fork(now):
            return {"context": context, "value": [None]}
        age = height - landing_height
        reached = "processed" if age < 1 else "confirmed" if age < FINALITY else "finalized"
        found = {"slot": landing_height + OFFSET, "confirmations": 1, "err": None, "confirmationStatus": reached}
        return {"context": context, "value": [found]}


class ForkedCluster(ScriptedCluster):
    """Nodes behind one URL; ``choose`` selects the one that responds to the next request.

    The transaction lands in the block at ``landing_height`` of the majority's fork, whatever is sent; None: never.
    """

    def __init__(
        self, clock: FakeClock, nodes: list[Node], choose: Callable[[str], Node], landing_height: int | None
    ) -> None:
        super().__init__(clock)
        self.nodes = nodes
        self.landing_height = landing_height
        self.choose = choose
        self.handlers["getEpochInfo"] = lambda params: self.choose("getEpochInfo").position(
            self.elapsed, params[0]["commitment"]
        )
        self.handlers["getSignatureStatuses"] = lambda params: self.choose("getSignatureStatuses").status(
            self.elapsed, self.landing_height
        )

    @property
    def elapsed(self) -> float:
        return self.clock.now - self.started


def verdict(cluster: ForkedCluster, clock: FakeClock) -> str:
    """Send a payment and return the outcome: landed, or the error's code."""
    sender = Sender(RpcClient(cluster, clock), clock, lambda line: None)
    try:
        receipt = sender.send([PAYMENT], WALLET)
    except TransactionExpired as error:
        return error.code
    assert cluster.landing_height is not None
    assert receipt.slot == cluster.landing_height + OFFSET
    return "landed"


# The fork begins right before the block with the transaction, which is one of the last in which it could land.
CASES = [*itertools.product(range(14), range(9))]


@pytest.mark.parametrize("setting", ["one node", "one node that learns of votes", "two nodes", "two nodes, mixed"])
def test_a_transaction_on_the_majority_fork_is_never_reported_as_expired(setting: str, full: bool) -> None:
    """Each case with ``--full``; by default every second one, of which both numbers take all values."""
    slot_seconds = 0.4
    verdicts = []
    for fork_seconds, blocks_before_the_last in CASES if full else CASES[::2]:
        landing_height = FIRST_SLOT + LIFE - blocks_before_the_last
        landing_time = (landing_height - FIRST_SLOT) * slot_seconds
        majority = Node(slot_seconds)
        minority = Node(
            slot_seconds,
            fork_start=landing_time - slot_seconds,
            fork_end=landing_time + fork_seconds,
            learns_votes=setting != "one node",
        )
        turns = random.Random(f"{fork_seconds} {blocks_before_the_last}")

        def choose(
            method: str, *, majority: Node = majority, minority: Node = minority, turns: random.Random = turns
        ) -> Node:
            if setting == "two nodes":
                return majority if method == "getEpochInfo" else minority
            if setting == "two nodes, mixed":
                return turns.choice((majority, minority))
            return minority

        clock = FakeClock()
        cluster = ForkedCluster(clock, [majority, minority], choose, landing_height)
        verdicts.append(verdict(cluster, clock))
        assert cluster.elapsed <= WRITING_SECONDS
    assert len(verdicts) >= (120 if full else 60)
    assert verdicts == ["landed"] * len(verdicts)


@pytest.mark.parametrize("seed", range(40))
def test_many_nodes_with_different_views_agree_on_the_truth(seed: int) -> None:
    """Lagging, forked and healthy nodes respond in any order; the transaction lands at some time, or never."""
    chance = random.Random(seed)
    slot_seconds = 0.4
    landing_height = FIRST_SLOT + chance.randrange(LIFE - 40, LIFE + 1)
    landing_time = (landing_height - FIRST_SLOT) * slot_seconds
    start, end = landing_time - slot_seconds, landing_time + chance.uniform(0, 13)
    nodes = [
        Node(slot_seconds),
        Node(slot_seconds, lag=chance.uniform(0, 40)),
        Node(slot_seconds, start, end, learns_votes=False),
        Node(slot_seconds, start, end, lag=chance.uniform(0, 2)),
    ]
    for truth in (landing_height, None):
        clock = FakeClock()
        cluster = ForkedCluster(clock, nodes, lambda method: chance.choice(nodes), truth)
        assert verdict(cluster, clock) == ("landed" if truth is not None else "transaction_expired")


@pytest.mark.parametrize("slot_seconds", [0.4, 0.45, 0.5, 0.55, 0.6])
def test_the_deadline_leaves_time_for_the_verdict_expired(slot_seconds: float) -> None:
    clock = FakeClock()
    node = Node(slot_seconds)
    cluster = ForkedCluster(clock, [node], lambda method: node, None)
    assert verdict(cluster, clock) == "transaction_expired"
    assert cluster.elapsed >= (LIFE + FINALITY) * slot_seconds
