"""Many reads from one endpoint at the same time: in batches, over several connections, at an adaptive pace."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from psyche_cli.environment import Clock, Waits
from psyche_cli.errors import BadRpcResponse, Json, NetworkError, RpcError
from psyche_cli.history.pace import BATCH, Pace, is_overload
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.codes import INTERNAL_ERROR

PATIENCE: Final = 60.0
"""Seconds after which a read is given up if the endpoint has not responded to anything."""

_MOST_ERRORS: Final = 4
"""How often a request is repeated that an endpoint which responds otherwise fails to process."""


class Asked(NamedTuple):
    """A request. ``what`` is for the caller, who gets it back with the answer. ``errors`` counts failures."""

    method: str
    params: Sequence[Json]
    what: Any = None
    errors: int = 0


class Answer(NamedTuple):
    """The unvalidated result of a request, or the error with which the endpoint has rejected it."""

    what: Any
    result: Json
    error: RpcError | None = None


class _Done(NamedTuple):
    lane: _Lane
    batch: Sequence[Asked]
    sent_at: float
    found: Sequence[Json | RpcError] | BaseException


class _Lane:
    """A connection that has at most one request in transit. Without a thread, it blocks the caller."""

    def __init__(self, rpc: RpcClient, done: queue.SimpleQueue[_Done], *, threaded: bool) -> None:
        self.rpc = rpc
        self._done = done
        self._jobs: queue.SimpleQueue[tuple[Sequence[Asked], float] | None] = queue.SimpleQueue()
        self._threaded = threaded
        if threaded:
            threading.Thread(target=self._run, daemon=True, name="history-reads").start()

    def start(self, batch: Sequence[Asked], now: float) -> None:
        if self._threaded:
            self._jobs.put((batch, now))
        else:
            self._exchange(batch, now)

    def end(self) -> None:
        self._jobs.put(None)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._exchange(*job)

    def _exchange(self, batch: Sequence[Asked], now: float) -> None:
        found: Sequence[Json | RpcError] | BaseException
        try:
            found = self.rpc.attempt(*((one.method, one.params) for one in batch))
        except Exception as error:  # raised again by the thread that waits for it
            found = error
        self._done.put(_Done(self, batch, now, found))


class Pool:
    """Reads over ``lanes``: clients of one endpoint, each with its own connection. A single one is used in this thread.

    ``waits`` shows pauses. ``requests`` counts the requests to the endpoint; a batch is one.
    """

    def __init__(self, lanes: Sequence[RpcClient], clock: Clock, waits: Waits) -> None:
        self._clock = clock
        self._waits = waits
        self._done: queue.SimpleQueue[_Done] = queue.SimpleQueue()
        self._lanes = [_Lane(rpc, self._done, threaded=len(lanes) > 1) for rpc in lanes]
        self._pace = Pace(most=BATCH * len(lanes))
        self._heard_at = clock.monotonic()
        self.requests = 0

    def close(self) -> None:
        """End the threads. The caller closes the clients."""
        for lane in self._lanes:
            lane.end()

    def ask(self, requests: Iterable[Asked], take: Callable[[list[Answer]], None]) -> None:
        """Make all requests, and pass the answers to ``take`` as they come, in any order.

        ``requests`` is read as needed, between calls of ``take``. Requests that fail because the endpoint is overloaded
        are repeated. Raises NetworkError if the endpoint responds to nothing for PATIENCE, demands a longer pause, or
        refuses requests for good.
        """
        waiting, again = iter(requests), deque[Asked]()
        idle, in_transit = list(self._lanes), 0
        self._heard_at = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            while idle and now >= self._pace.paused_until:
                batch = _next(again, waiting, self._pace.room(in_transit, len(self._lanes)))
                if not batch:
                    break
                in_transit += len(batch)
                self.requests += 1
                idle.pop().start(batch, now)
            if in_transit > 0:
                done = self._done.get()
                idle.append(done.lane)
                in_transit -= len(done.batch)
                self._receive(done, again, take)
            elif again:
                self._pause(self._pace.paused_until - now)
            else:
                last = _next(again, waiting, 1)
                if not last:
                    return
                again.extend(last)

    def answers(self, *requests: Asked) -> list[Answer]:
        """The answers to a few requests, in their order. Raises NetworkError as ``ask`` does."""
        found: dict[int, Answer] = {}
        numbered = [one._replace(what=number) for number, one in enumerate(requests)]
        self.ask(numbered, lambda answers: found.update((one.what, one) for one in answers))
        return [found[number]._replace(what=one.what) for number, one in enumerate(requests)]

    def _receive(self, done: _Done, again: deque[Asked], take: Callable[[list[Answer]], None]) -> None:
        now = self._clock.monotonic()
        if isinstance(done.found, NetworkError):
            again.extendleft(reversed(done.batch))
            self._failed(done.found, done, now)
            return
        if isinstance(done.found, BaseException):
            raise done.found
        answers, busy = list[Answer](), None
        for asked, found in zip(done.batch, done.found, strict=True):
            if not isinstance(found, RpcError):
                answers.append(Answer(asked.what, found))
            elif is_overload(found):
                busy = found
                again.append(asked)
            elif asked.errors < _MOST_ERRORS and _may_be_accidental(found):
                again.append(asked._replace(errors=asked.errors + 1))
            else:
                answers.append(Answer(asked.what, None, found))
        if answers:
            self._heard_at = now
            self._pace.responded(len(answers))
        if busy is not None:
            self._failed(busy, done, now)
        if answers:
            take(answers)

    def _failed(self, error: NetworkError, done: _Done, now: float) -> None:
        deadline = done.lane.rpc.deadline
        if deadline is not None and deadline.passed:
            raise error
        is_batch = isinstance(done.found, NetworkError) and len(done.batch) > 1
        if is_batch and (isinstance(error, BadRpcResponse) or not is_overload(error)):
            self._pace.refuse_batch(len(done.batch))
            return
        if not is_overload(error):
            raise error
        self._pace.failed(error, done.sent_at, now)
        if self._pace.paused_until - self._heard_at > PATIENCE:
            raise error

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with self._waits.showing(f"Waiting for {self._lanes[0].rpc.label}") as wait:
                wait.now("{} s left", seconds)
                self._waits.sleep(self._clock, seconds)


def _next(again: deque[Asked], waiting: Iterator[Asked], most: int) -> list[Asked]:
    batch: list[Asked] = []
    while len(batch) < most:
        asked = again.popleft() if again else next(waiting, None)
        if asked is None:
            break
        batch.append(asked)
    return batch


def _may_be_accidental(error: RpcError) -> bool:
    """Whether a node may process the same request if it is repeated."""
    return error.rpc_code == INTERNAL_ERROR
