"""Transports to a validator that count requests, or change the answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from psyche_cli.transport import Transport


class Counted:
    """A transport that counts the requests by method: ``methods`` each one, also within batches, and ``exchanges``."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.methods: Counter[str] = Counter()
        self.exchanges = 0

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request = json.loads(body)
        self.exchanges += 1
        self.methods.update(one["method"] for one in (request if isinstance(request, list) else [request]))
        return self._inner.send(body, timeout=timeout)

    def close(self) -> None: ...


class Altered(Counted):
    """A transport whose answers are changed by ``change``, called with each request and its answer.

    The answer has ``result`` or ``error``, and may be changed in place. ``change`` may raise NetworkError.
    """

    def __init__(self, inner: Transport, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
        super().__init__(inner)
        self._change = change

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request, answer = json.loads(body), json.loads(super().send(body, timeout=timeout))
        pairs = zip(request, answer, strict=True) if isinstance(request, list) else [(request, answer)]
        for one, response in pairs:
            self._change(one, response)
        return json.dumps(answer).encode()
