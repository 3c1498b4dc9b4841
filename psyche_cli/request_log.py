"""Log of an invocation's RPC requests, for ``--verbose`` and for reporting what was sent when a command fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from psyche_cli.environment import Clock
    from psyche_cli.transport import Transport

_SEND: Final = "sendTransaction"
_AIRDROP: Final = "requestAirdrop"
_SIGNATURE_BYTES: Final = 64


class WriteRequest(NamedTuple):
    """A request that may have changed state, whether or not it was answered."""

    method: str
    params: Any

    @property
    def moves_money(self) -> bool:
        """Whether the request submits a transaction: the command's own, or one signed by the cluster's faucet."""
        return self.method in (_SEND, _AIRDROP)

    @property
    def signature(self) -> str | None:
        """The base58 signature of the transaction; None for a request without a transaction."""
        if self.method != _SEND:
            return None
        import base64

        from solders.signature import Signature

        # The first byte is the number of signatures; the first signature identifies the transaction.
        return str(Signature.from_bytes(base64.b64decode(self.params[0])[1 : 1 + _SIGNATURE_BYTES]))


class RequestLog:
    """Records the requests of all transports of an invocation.

    Calls ``report`` with one line per request: endpoint label, method, and duration in milliseconds.
    """

    def __init__(self, clock: Clock, report: Callable[[str], None]) -> None:
        self._clock = clock
        self._report = report
        self._writes: list[WriteRequest] = []

    @property
    def writes(self) -> tuple[WriteRequest, ...]:
        """The requests that may have changed state, in the order in which they were made."""
        return tuple(self._writes)

    @property
    def sent(self) -> bool | None:
        """Whether a transaction may have reached a cluster; None if only other state-changing requests were made."""
        if not self._writes:
            return False
        return any(write.moves_money for write in self._writes) or None

    @property
    def signature(self) -> str | None:
        """The base58 signature of the last transaction that may have been sent."""
        signatures = [write.signature for write in self._writes if write.signature]
        return signatures[-1] if signatures else None

    def watch(self, transport: Transport) -> Transport:
        """Wrap a transport so that its requests are recorded here."""
        return _WatchedTransport(transport, self._exchange)

    def _exchange(self, transport: Transport, body: bytes, timeout: float) -> bytes:
        import json

        request = json.loads(body)
        requests = request if isinstance(request, list) else [request]  # a batch
        method = " and ".join(one["method"] for one in requests)
        self._writes += [
            WriteRequest(one["method"], one["params"]) for one in requests if _changes_something(one["method"])
        ]
        started = self._clock.monotonic()
        failure = ", no response"
        try:
            answer = transport.send(body, timeout=timeout)
            failure = ""
            return answer
        finally:
            milliseconds = (self._clock.monotonic() - started) * 1000
            self._report(f"{transport.label} {method}: {milliseconds:.0f} ms{failure}")


class _WatchedTransport:
    def __init__(self, inner: Transport, exchange: Callable[[Transport, bytes, float], bytes]) -> None:
        self._inner = inner
        self._exchange = exchange

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        return self._exchange(self._inner, body, timeout)

    def close(self) -> None:
        self._inner.close()


def _changes_something(method: str) -> bool:
    return method in (_SEND, _AIRDROP) or method.startswith("localnet_")
