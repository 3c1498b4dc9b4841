"""A run that is driven at random while a stream follows it through a faulty connection, all in virtual time.

The validator, its PubSub and the programs are the real ones. Whenever the stream waits or sends a request, time passes,
in which the owner and the members act and faults begin and end. Everything follows from one seed.
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from solders.keypair import Keypair

from psyche_cli.environment import SystemClock
from psyche_cli.errors import HttpStatusError, TimedOut, Unreachable
from psyche_cli.localnet.chain.bank import Bank
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.timekeeping import ClockMode, Timekeeper
from psyche_cli.localnet.rpc.context import RpcContext
from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.localnet.server.pubsub import PubSub
from psyche_cli.operations.sessions import Feed, Session
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.wallet import Wallet
from psyche_cli.suggestions import NOTHING_GIVEN
from tests.support.run_history import RunHistory

from .player import Player

RUN_ID = "watched"
START = 1_800_000_000
LABEL = "faulty"
SECONDS = 240.0
"""The virtual time in which the run is driven and faults occur."""

_READS = ("getMultipleAccounts", "getSignaturesForAddress", "getTransaction")
_START = 5.0
"""When the first fault may begin: the stream has made its first observation then."""
_LAG = 5.0
"""Seconds by which a node may lag behind, and its ledger."""
_QUEUE = 40
"""Messages that a connection keeps for a slow reader before it is closed."""


@dataclass
class VirtualClock:
    """Seconds that pass only by ``sleep``, during which the due events happen, in order."""

    now: float = 0.0
    events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when: float, event: Callable[[], None]) -> None:
        """Schedule an event."""
        heapq.heappush(self.events, (when, next(self.numbers), event))

    def monotonic(self) -> float:
        return self.now

    def unix_time(self) -> float:
        return START + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        end = self.now + seconds
        while self.events and self.events[0][0] <= end:
            self.now, _, event = heapq.heappop(self.events)
            event()
        self.now = end

    @property
    def next_event(self) -> float:
        return self.events[0][0] if self.events else float("inf")


class FaultyLine:
    """A connection to the validator over HTTP and WebSockets. Its faults follow from ``chance``."""

    label = LABEL

    def __init__(self, dispatcher: Dispatcher, clock: VirtualClock, chance: random.Random) -> None:
        self.clock, self.chance = clock, chance
        self.pubsub = PubSub(dispatcher.context)
        self.sockets: list[FaultySocket] = []
        self.outage: str | None = None
        self.has_websocket = True
        self.forgets = False
        self.is_over = False
        self.counts = dict.fromkeys(
            ("lost", "repeated", "late", "closed", "silent", "deaf", "outages", "stale", "unindexed"), 0
        )
        self._dispatcher = dispatcher
        self._earlier: dict[str, list[tuple[float, bytes]]] = {}

    def count(self, fault: str) -> None:
        """Count a fault that has occurred."""
        self.counts[fault] += 1

    # --- requests

    def send(self, body: bytes, *, timeout: float) -> bytes:
        """Respond to a request. Time passes before and after it, in which the run may change."""
        chance = self.chance
        self.clock.sleep(chance.choice((0.0, 0.01, 0.3)))
        self._fail()
        answer = self._dispatcher.handle(body)
        request = json.loads(body)
        if isinstance(request, dict) and request["method"] in _READS and not self.is_over:
            answer = self._old(request, answer)
        self.clock.sleep(chance.choice((0.0, 0.01, 0.3)))
        self._fail()
        return answer

    def _fail(self) -> None:
        if self.outage is None or self.is_over:
            return
        self.count("outages")
        match self.outage:
            case "refused":
                raise Unreachable("refused", request_sent=False)
            case "lost":
                raise Unreachable("lost", request_sent=True)
            case "slow":
                self.clock.sleep(10.0)
                raise TimedOut("slow", request_sent=True)
            case status:
                raise HttpStatusError("status", status=int(status))

    def _old(self, request: dict[str, Any], answer: bytes) -> bytes:
        """The answer of a node that lags behind, or has not yet added the newest transactions to its ledger."""
        now, method = self.clock.now, request["method"]
        earlier = self._earlier.setdefault(json.dumps([method, request["params"]]), [])
        earlier.append((now, answer))
        if not self.forgets or self.chance.random() < 0.5:
            return answer
        old = next(before for when, before in earlier if when >= now - _LAG)
        if method == "getTransaction" and earlier[0][0] >= now - _LAG:
            old = b'{"jsonrpc":"2.0","result":null}'
        if old != answer:
            self.count("stale" if method == "getMultipleAccounts" else "unindexed")
        return json.dumps({**json.loads(old), "id": request["id"]}).encode()

    def close(self) -> None: ...

    # --- WebSockets

    def open_websocket(self, timeout: float) -> FaultySocket:
        self.clock.sleep(0.01)
        if not self.is_over and (self.outage is not None or not self.has_websocket):
            raise HttpStatusError("404", status=404) if self.chance.random() < 0.5 else Unreachable("refused")
        socket = FaultySocket(self)
        self.sockets.append(socket)
        return socket


class FaultySocket:
    """A WebSocket. ``mode`` is ``deaf`` (no notifications arrive), ``silent`` (no bytes arrive) or empty."""

    label = LABEL

    def __init__(self, line: FaultyLine) -> None:
        self.line, self.clock, self.chance = line, line.clock, line.chance
        self.mode = ""
        self.closed = False
        self._queue: list[tuple[float, int, str]] = []
        self._numbers = itertools.count()

    def flush(self) -> None:
        """Called by the validator. Each message is on its way at once."""

    def push(self, text: str) -> None:
        """Called by the validator for each of its messages."""
        chance, line = self.chance, self.line
        is_notification = '"method"' in text
        if self.closed:
            return
        if self.mode == "silent" or (self.mode == "deaf" and is_notification):
            line.count("lost")
            return
        times = 1
        if is_notification and not line.is_over:
            times = chance.choice((0, 1, 1, 1, 1, 1, 2))
            line.count("lost" if times == 0 else "repeated") if times != 1 else None
        for _ in range(times):
            late = chance.choice((0.0, 0.0, 0.0, 0.2, 3.0, 40.0)) if is_notification and not line.is_over else 0.0
            line.count("late") if late else None
            heapq.heappush(self._queue, (self.clock.now + late, next(self._numbers), text))
        if len(self._queue) > _QUEUE:
            self.drop()

    def drop(self, mode: str = "closed") -> None:
        """Let the connection end, or become silent or deaf."""
        if self.closed or self.mode:
            return
        self.line.count(mode)
        if mode != "closed":
            self.mode = mode
            return
        self.closed = True
        self.line.pubsub.disconnect(self)

    def send(self, text: str) -> None:
        if self.closed:
            raise Unreachable("closed", request_sent=True)
        self.line.pubsub.handle(self, text)

    def receive(self, timeout: float) -> str | None:
        end = self.clock.now + timeout
        while True:
            if self._queue and self._queue[0][0] <= self.clock.now:
                return heapq.heappop(self._queue)[2]
            if self.closed:
                raise Unreachable("closed", request_sent=True)
            if self.clock.now >= end:
                return None
            due = min(end, self.clock.next_event, self._queue[0][0] if self._queue else end)
            self.clock.sleep(max(due - self.clock.now, 0.0))

    def ping(self, timeout: float) -> bool:
        if self.closed:
            raise Unreachable("closed", request_sent=True)
        if self.mode == "silent":
            self.clock.sleep(timeout)
            return False
        return True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.line.pubsub.disconnect(self)


class WatchedRun:
    """A run with its faults. ``history`` is what the validator did to it."""

    def __init__(self, seed: str) -> None:
        chance = random.Random(seed)
        random.seed(seed)  # for the pauses of the stream
        self.chance = chance
        self.clock = VirtualClock()
        bank = _bank()
        bank.listeners.clear()
        bank.restore(bank.at_genesis)
        player = self.player = Player(bank, RUN_ID, _OWNER, _MEMBERS, random.Random(f"{seed} play"))
        player.begin()
        treasury = None if player.treasury is None else (player.treasury.run, player.vault)
        self.history = RunHistory(bank, player.instance.coordinator_account, treasury)
        self.line = FaultyLine(Dispatcher(RpcContext(bank)), self.clock, chance)
        self.session = Session(
            RpcClient(self.line, self.clock), PUBLISHED, lambda _: None, NOTHING_GIVEN,
            Feed(self.clock, self.line.open_websocket),
        )  # fmt: skip
        self._schedule()

    def _schedule(self) -> None:
        chance, clock, line = self.chance, self.clock, self.line
        for _ in range(chance.randrange(10, 30)):
            clock.at(chance.uniform(0.1, SECONDS), self.player.act)
        start = chance.uniform(_START, SECONDS)
        for _ in range(chance.choice((0, 5, 25))):  # many at once
            clock.at(start, self.player.act)
        for second in range(chance.choice((0, 0, 0, 60))):  # always ahead of a ledger that lags behind
            clock.at(start + second, self.player.act)
        for _ in range(chance.randrange(4)):
            mode = chance.choice(("closed", "silent", "deaf"))
            clock.at(chance.uniform(0.1, SECONDS), partial(self._drop, mode))
        for _ in range(chance.randrange(3)):
            kind = chance.choice(("refused", "lost", "slow", "503", "429", "restart"))
            self._outage(kind, chance.uniform(_START, SECONDS), chance.choice((0.1, 3.0, 30.0)))
        if chance.random() < 0.2:
            line.has_websocket = False
        if chance.random() < 0.3:
            line.forgets = True
        if chance.random() < 0.3:
            again = chance.random() < 0.5
            clock.at(chance.uniform(0.5, 1.0) * SECONDS, lambda: self.player.end(again))

    def _drop(self, mode: str) -> None:
        for socket in self.line.sockets:
            socket.drop(mode)

    def _outage(self, kind: str, start: float, seconds: float) -> None:
        def begin() -> None:
            self.line.outage = "refused" if kind == "restart" else kind
            if kind == "restart":
                self._drop("closed")

        def end() -> None:
            self.line.outage = None

        self.clock.at(start, begin)
        self.clock.at(start + seconds, end)

    def settle(self) -> None:
        """End all faults; the run does not change any more."""
        self.clock.sleep(max(SECONDS - self.clock.now, 0.0))
        self.line.outage, self.line.has_websocket, self.line.is_over = None, True, True


_OWNER, *_MEMBERS = (Wallet(Keypair.from_seed(bytes([number]) * 32), "a test") for number in range(5))
_BANKS: list[Bank] = []


def _bank() -> Bank:
    """The bank of this process, whose clock only moves by warping."""
    if not _BANKS:
        sol = 10**9
        balances = {_OWNER.address: 100 * sol, **{wallet.address: sol for wallet in _MEMBERS}}
        timekeeper = Timekeeper(SystemClock(), slot_seconds=0, mode=ClockMode("fixed", START))
        _BANKS.append(Bank(Genesis(balances=balances), timekeeper))
    return _BANKS[0]
