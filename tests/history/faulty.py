"""An endpoint that fails at random: overloaded, slow, broken, without what it has just listed."""

from __future__ import annotations

import json
import random
from typing import Any

from psyche_cli.errors import HttpStatusError, TimedOut, Unreachable
from psyche_cli.transport import Transport
from tests.support.relays import Relay


class FaultyTransport(Relay):
    """A transport to a validator that fails with a probability of ``rate`` for each request.

    Faults are 429 with and without Retry-After, as HTTP status and as JSON-RPC error, 5xx, time-outs, lost connections,
    responses that are no JSON, and nodes without a transaction that another one has listed. ``faults`` counts them.
    """

    def __init__(self, inner: Transport, seed: int, rate: float = 0.3, *, takes_batches: bool = True) -> None:
        super().__init__(inner)
        self._random = random.Random(seed)
        self._rate = rate
        self._takes_batches = takes_batches
        self.faults = 0

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request = json.loads(body)
        if isinstance(request, list) and not self._takes_batches:
            raise HttpStatusError("403", status=403)
        if self._random.random() >= self._rate:
            return self.inner.send(body, timeout=timeout)
        self.faults += 1
        match self._random.randrange(8):
            case 0:
                raise HttpStatusError("429", status=429, retry_after=self._random.randrange(4))
            case 1:
                raise HttpStatusError("429", status=429)
            case 2:
                raise HttpStatusError("5xx", status=self._random.choice([500, 502, 503, 504]))
            case 3:
                raise TimedOut("timeout", request_sent=True)
            case 4:
                raise Unreachable("lost", request_sent=None)
            case 5:
                return b"<html>"
            case 6:
                return self._changed(body, timeout, _refuse)
            case _:
                return self._changed(body, timeout, _lose)

    def _changed(self, body: bytes, timeout: float, change: Any) -> bytes:
        request, answer = json.loads(body), json.loads(self.inner.send(body, timeout=timeout))
        requests, answers = (one if isinstance(one, list) else [one] for one in (request, answer))
        for one, response in zip(requests, answers, strict=True):
            if self._random.random() < 0.5:
                change(one, response)
        return json.dumps(answer).encode()


def _refuse(_: Any, response: Any) -> None:
    response.pop("result", None)
    response["error"] = {"code": 429, "message": "Too many requests"}


def _lose(request: Any, response: Any) -> None:
    if request["method"] == "getTransaction":
        response["result"] = None
