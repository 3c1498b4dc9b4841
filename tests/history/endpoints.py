"""Transports to a validator that count requests, or change the answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import Any

from psyche_cli.transport import Transport
from tests.support.relays import Relay


class Counted(Relay):
    """A transport that counts the requests by method: ``methods`` each one, also within batches, and ``exchanges``."""

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.methods: Counter[str] = Counter()
        self.exchanges = 0

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request = json.loads(body)
        self.exchanges += 1
        self.methods.update(one["method"] for one in (request if isinstance(request, list) else [request]))
        return super().send(body, timeout=timeout)


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


class Partial(Altered):
    """An endpoint whose ledger begins at the slot ``first``, whatever has been deleted before.

    It does not contain the transactions ``hidden``, as after a fork, and blocks are finalized up to the slot
    ``finalized``. ``slots`` are those of the transactions by their signatures. ``lists_all`` is whether it lists older
    transactions too, without having their content.
    """

    def __init__(
        self,
        inner: Transport,
        slots: Mapping[str, int],
        *,
        first: int = 0,
        hidden: Container[str] = (),
        finalized: int | None = None,
        lists_all: bool = False,
    ) -> None:
        super().__init__(inner, self._answer)
        self._slots = slots
        self._first = first
        self._hidden = hidden
        self._finalized = finalized
        self._lists_all = lists_all

    def _has(self, signature: str, *, listed: bool = False) -> bool:
        if signature in self._hidden:
            return False
        return (listed and self._lists_all) or self._slots.get(signature, -1) >= self._first

    def _answer(self, request: dict[str, Any], answer: dict[str, Any]) -> None:
        method, params = request["method"], request["params"]
        if method == "getFirstAvailableBlock":
            answer["result"] = self._first
        elif method == "getSlot" and params[0]["commitment"] == "finalized" and self._finalized is not None:
            answer["result"] = self._finalized
        elif method == "getTransaction" and not self._has(params[0]):
            answer["result"] = None
        elif method == "getBlock" and params[0] < self._first:
            answer.pop("result", None)
            answer["error"] = {"code": -32001, "message": "cleaned up"}
        elif method == "getSignatureStatuses":
            for number, signature in enumerate(params[0]):
                if not self._has(signature, listed=True):
                    answer["result"]["value"][number] = None
        elif method == "getSignaturesForAddress":
            before = params[1].get("before")
            knows = before is None or self._has(before, listed=True)
            answer["result"] = [self._shown(one) for one in answer["result"] if knows and self._lists(one)]

    def _lists(self, one: dict[str, Any]) -> bool:
        return self._has(one["signature"], listed=True)

    def _shown(self, one: dict[str, Any]) -> dict[str, Any]:
        if self._finalized is not None and one["slot"] > self._finalized:
            return {**one, "confirmationStatus": "confirmed"}
        return one
