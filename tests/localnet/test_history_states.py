"""The history and the snapshots, in memory and in a ledger, against a model: random changes, restores and restarts."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.localnet.rpc.methods.control import MAX_SNAPSHOTS
from tests.localnet.harness import SOL, Chain, HandClock, start_chain, text
from tests.localnet.lives import Life
from tests.support.counts import repetitions

ROUNDS = repetitions(8)


@dataclass
class Model:
    """What a chain contains: its transactions with their numbers and receivers, and balances."""

    sent: list[tuple[int, str, Pubkey]] = field(default_factory=list)
    balances: dict[Pubkey, int] = field(default_factory=dict)

    def copy(self) -> Model:
        return Model(list(self.sent), dict(self.balances))


def check(chain: Chain, model: Model, people: list[Pubkey], first_kept: int) -> None:
    bank = chain.dispatcher.context.bank
    assert {person: chain.balance(person) for person in people} == dict.fromkeys(people, 0) | model.balances
    assert bank.history.total == len(model.sent)
    kept = [str(record.signature) for record in bank.history.records()]
    assert kept == [signature for number, signature, _ in model.sent if number >= first_kept]
    assert bank.history.is_complete == (len(kept) == len(model.sent))
    stored = set(kept)
    for _, signature, _ in model.sent[-3:]:
        assert (chain.result("getTransaction", signature) is not None) == (signature in stored)
    for person in people:
        own = [signature for _, signature, to in model.sent if to == person and signature in stored][::-1]
        assert pages(chain, person, 3) == own
        if len(own) > 2:
            found = chain.result("getSignaturesForAddress", str(person), {"before": own[0], "until": own[-1]})
            assert [one["signature"] for one in found] == own[1:-1]
    everyone = pages(chain, chain.payer.pubkey(), 1000)
    assert everyone == kept[::-1]
    chain.pass_slots(1)
    slots = chain.result("getBlocks", 0, chain.result("getSlot") - 1)
    in_blocks = [
        signature
        for slot in slots
        if slot >= bank.first_available_slot
        for signature in chain.result("getBlock", slot, {"transactionDetails": "signatures"})["signatures"]
    ]
    assert in_blocks == kept[len(kept) - len(in_blocks) :]


def pages(chain: Chain, address: Pubkey, limit: int) -> list[str]:
    """All signatures, read page by page."""
    found: list[str] = []
    while True:
        options: dict[str, Any] = {"limit": limit, **({"before": found[-1]} if found else {})}
        page = chain.result("getSignaturesForAddress", str(address), options)
        found += [one["signature"] for one in page]
        if len(page) < limit:
            return found


def play(chance: random.Random, chain: Chain, capacity: int, restart: Callable[[], Chain] | None) -> None:
    people, model = [Pubkey.new_unique() for _ in range(4)], Model()
    saved: dict[int, Model] = {}
    executed, first_kept = 0, 1
    for number in range(50):
        kind = chance.random()
        if kind < 0.6:
            to = chance.choice(people)
            executed += 1
            model.sent.append((executed, chain.send(chain.transfer(to, SOL // 100 + number)), to))
            model.balances[to] = model.balances.get(to, 0) + SOL // 100 + number
        elif kind < 0.7:
            to = chance.choice(people)
            lamports = chance.choice([0, SOL + number])
            chain.dispatcher.context.bank.set_account(to, Account(lamports, b"", Pubkey.default()))
            model.balances[to] = lamports
        elif kind < 0.8 and len(saved) < MAX_SNAPSHOTS:
            saved[chain.result("localnet_takeSnapshot")] = model.copy()
        elif kind < 0.87 and saved:
            chosen = chance.choice(sorted(saved))
            chain.result("localnet_restoreSnapshot", chosen)
            model = saved[chosen].copy()
        elif kind < 0.9 and saved:
            chosen = chance.choice(sorted(saved))
            chain.result("localnet_dropSnapshot", chosen)
            del saved[chosen]
        elif kind < 0.92:
            chain.result("localnet_reset")
            model = Model()
        elif kind < 0.96 and restart is not None:
            chain, saved = restart(), {}
        else:
            chain.pass_slots(chance.randrange(1, 4))
        kept = [one for one, _, _ in model.sent if one >= first_kept]
        if len(kept) > capacity:
            # What is forgotten in one state stays forgotten in all.
            first_kept = kept[-capacity]
        check(chain, model, people, first_kept)


@pytest.mark.parametrize("capacity", [7, 1000])
def test_history_in_memory(capacity: int, random_seed: int) -> None:
    for number in range(ROUNDS):
        play(random.Random(random_seed + number), start_chain(history_capacity=capacity), capacity, None)


@pytest.mark.parametrize("capacity", [7, 1000])
def test_history_in_a_ledger(tmp_path: Path, payer: Keypair, clock: HandClock, capacity: int, random_seed: int) -> None:
    for number in range(ROUNDS):
        chance = random.Random(random_seed + number)
        lives = Lives(tmp_path / str(number), payer, clock, capacity, chance)
        play(chance, lives.next(), capacity, lives.next)
        lives.end()


class Lives:
    """Restarts of a validator with a ledger."""

    def __init__(self, folder: Path, payer: Keypair, clock: HandClock, capacity: int, chance: random.Random) -> None:
        self._start = partial(Life, folder, payer, clock, capacity=capacity)
        self._chance = chance
        self._life: Life | None = None

    def next(self) -> Chain:
        self.end()
        self._life = self._start(indexed_at_once=self._chance.choice([1, 2, 5]))
        return self._life.chain

    def end(self) -> None:
        if self._life is not None:
            self._life.end()


def test_snapshots_take_memory_for_changes_only(chain: Chain) -> None:
    bank = chain.dispatcher.context.bank
    owner = Pubkey.new_unique()
    for _ in range(50):
        bank.set_account(Pubkey.new_unique(), Account(SOL, bytes(100_000), owner))
    changed = Pubkey.new_unique()
    reported: list[Pubkey] = []
    snapshots = [bank.save() for _ in range(30)]
    bank.set_account(changed, Account(SOL, b"1", owner))

    class Listener:
        def on_transaction(self, record: object) -> None: ...
        def on_account(self, address: Pubkey) -> None:
            reported.append(address)

        def on_block(self, block: object) -> None: ...
        def on_restore(self) -> None: ...

    bank.listeners.append(Listener())
    for snapshot in snapshots:
        bank.restore(snapshot)
    # The first restore undoes the change; the others find nothing to do.
    assert reported == [changed]


def test_duplicate_is_rejected_in_the_states_that_contain_it(chain: Chain) -> None:
    transaction = chain.transfer(Pubkey.new_unique(), SOL)
    options = {"encoding": "base64"}
    before = chain.result("localnet_takeSnapshot")
    chain.send(transaction)
    after = chain.result("localnet_takeSnapshot")
    chain.result("localnet_restoreSnapshot", before)
    chain.send(transaction)
    assert chain.error("sendTransaction", text(transaction), options)["data"]["err"] == "AlreadyProcessed"
    chain.result("localnet_restoreSnapshot", after)
    assert chain.error("sendTransaction", text(transaction), options)["data"]["err"] == "AlreadyProcessed"
    chain.result("localnet_restoreSnapshot", before)
    chain.send(transaction)


def test_larger_limit_does_not_bring_back_what_was_removed(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock, indexed_at_once=2, capacity=5)
    sent = [life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL + number)) for number in range(30)]
    life.end()
    life = Life(tmp_path, payer, clock, indexed_at_once=2, capacity=1000)
    kept = [str(record.signature) for record in life.bank.history.records()]
    assert 5 <= len(kept) <= 9
    assert kept == sent[-len(kept) :]
    life.end()
    life = Life(tmp_path, payer, clock, indexed_at_once=2, capacity=2)
    assert pages(life.chain, payer.pubkey(), 1000) == sent[:-3:-1]
    life.end()
