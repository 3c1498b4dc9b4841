"""A scripted cluster, and a clock that advances only in ``sleep``."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from solders.hash import Hash
from solders.transaction import Transaction

Handler = Callable[[list[Any]], Any]
FINALITY = 32
"""Slots from a block to its finality."""


@dataclass
class FakeClock:
    """A clock that advances only in ``sleep``."""

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def unix_time(self) -> float:
        return 1_700_000_000.0 + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.now += seconds


class RpcFault(Exception):
    """Raised by a handler to respond with a JSON-RPC error object."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class RawAnswer(Exception):
    """Raised by a handler to respond with these exact bytes."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class ScriptedCluster:
    """A transport with a handler for each method. By default every transaction lands the moment it is sent.

    Slots pass with the clock, 0.4 seconds each, and every slot has a block and a blockhash of its own. A block is
    confirmed at once and finalized 32 slots later.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.started = clock.now
        self.calls: list[tuple[str, list[Any]]] = []
        self.sent: list[bytes] = []
        self.landed: dict[str, Any] = {}
        """The status of each landed or failed transaction, by signature."""
        self.timeouts: list[float] = []
        self.closed = False
        self.handlers: dict[str, Handler] = {
            "getLatestBlockhash": self._latest_blockhash,
            "getEpochInfo": lambda params: self.position(FINALITY if params[0]["commitment"] == "finalized" else 0),
            "simulateTransaction": lambda params: self.simulation(),
            "sendTransaction": self.accept,
            "getSignatureStatuses": lambda params: self.status(bool(self.sent)),
            "getTransaction": self._transaction,
        }
        self._default_status = self.handlers["getSignatureStatuses"]

    @property
    def label(self) -> str:
        return "scripted://cluster"

    def send(self, body: bytes, *, timeout: float) -> bytes:
        request = json.loads(body)
        if isinstance(request, list):
            return b"[" + b",".join(self.send(json.dumps(one).encode(), timeout=timeout) for one in request) + b"]"
        assert request["jsonrpc"] == "2.0"
        self.calls.append((request["method"], request["params"]))
        self.timeouts.append(timeout)
        envelope = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            result = envelope["result"] = self.handlers[request["method"]](request["params"])
            if request["method"] == "getSignatureStatuses" and isinstance(result, dict):
                self._remember(request["params"][0][0], *result["value"])
        except RpcFault as fault:
            envelope["error"] = fault.error
        except RawAnswer as raw:
            return raw.body
        return json.dumps(envelope).encode()

    def close(self) -> None:
        self.closed = True

    @property
    def slot(self) -> int:
        return 100 + int((self.clock.now - self.started) / 0.4 + 1e-6)

    def position(self, behind: int = 0) -> Any:
        return {"absoluteSlot": self.slot - behind + 50, "blockHeight": self.slot - behind}

    def count(self, method: str) -> int:
        return sum(1 for name, _ in self.calls if name == method)

    def valued(self, value: Any, slot: int | None = None) -> Any:
        return {"context": {"slot": self.slot + 50 if slot is None else slot}, "value": value}

    def status(self, known: bool, reached: str = "confirmed", err: Any = None, slot: int | None = None) -> Any:
        found = {"slot": 77, "confirmations": 1, "err": err, "confirmationStatus": reached}
        return self.valued([found if known else None], slot)

    def simulation(self, err: Any = None, logs: tuple[str, ...] = ("simulated",)) -> Any:
        """The result of a simulation, including the replacement blockhash, as returned by nodes."""
        blockhash = self._latest_blockhash([])["value"]
        return self.valued({"err": err, "logs": [*logs], "unitsConsumed": 9, "replacementBlockhash": blockhash})

    def accept(self, params: list[Any]) -> str:
        raw = base64.b64decode(params[0])
        self.sent.append(raw)
        return str(Transaction.from_bytes(raw).signatures[0])

    def _remember(self, signature: str, status: Any = None, *_: Any) -> None:
        if status is not None and status.get("confirmationStatus") in ("confirmed", "finalized"):
            self.landed[signature] = status

    def _transaction(self, params: list[Any]) -> Any:
        """The transaction, which is in the ledger once it has a status."""
        if self.handlers["getSignatureStatuses"] is self._default_status:
            self._remember(params[0], self._default_status([])["value"][0])
        status = self.landed.get(params[0])
        if status is None:
            return None
        return {"slot": 77, "meta": {"err": status["err"], "fee": 5000, "logMessages": ["first", "second"]}}

    def _latest_blockhash(self, params: list[Any]) -> Any:
        digest = hashlib.sha256(str(self.slot).encode()).digest()
        return self.valued({"blockhash": str(Hash(digest)), "lastValidBlockHeight": self.slot + 150})


def scripted_answers(answers: list[Any]) -> Handler:
    """A handler that returns the responses in turn and repeats the last; exceptions are raised, functions called."""
    remaining = list(answers)

    def answer(params: list[Any]) -> Any:
        given = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if isinstance(given, BaseException):
            raise given
        return given(params) if callable(given) else given

    return answer
