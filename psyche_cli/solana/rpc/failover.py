"""Failover between several endpoints of one cluster, behind the interface of a single transport.

Before the first request, and again every 30 seconds, each endpoint reports its genesis hash and its slot.
Endpoints of different clusters are refused. One whose slot lags behind the highest is not used until it has caught up.

A read goes to the first endpoint in the given order that is usable; if it fails there, to the next one at once. An
endpoint that failed is left alone for a while: as long as its Retry-After says, or a time that doubles with every
failure. A signed transaction may be sent to any endpoint, since the same bytes are executed only once, so each time it
is sent, another endpoint is the first. Any other request that changes something is only repeated elsewhere if it
cannot have been received.

All endpoints together behave like one URL that is served by several nodes, which is what the sender expects of any URL:
it takes a transaction for expired only on the evidence described in ``sending/delivery.py``. A lagging node is never
asked, and ``changes`` tells those who combine several responses whether they came from the same endpoint.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from psyche_cli.environment import Clock
from psyche_cli.errors import (
    BadRpcResponse,
    HttpStatusError,
    Json,
    NetworkError,
    RpcError,
    TimedOut,
    Unreachable,
    UsageError,
)
from psyche_cli.private_keys import is_seed
from psyche_cli.solana.rpc.jsonrpc import bad_response, decode_answer, decode_batch, encode_batch, encode_request
from psyche_cli.solana.rpc.retry import RetryPolicy

if TYPE_CHECKING:
    from psyche_cli.transport import Transport

MOST_LAG: Final = 30
"""Slots by which an endpoint may be behind the highest slot seen: about 12 seconds. Nodes usually differ by a few."""
SURVEY_INTERVAL: Final = 30.0

_SURVEY_SECONDS: Final = 4.0
"""How long each endpoint may take to respond to the survey."""
_SHORTEST_REST: Final = 2.0
_LONGEST_REST: Final = 60.0
_SEND: Final = "sendTransaction"
_ONCE_ONLY: Final = ("requestAirdrop", "localnet_")
_SURVEY_ID: Final = 1
_PATIENCE: Final = RetryPolicy()


class _Endpoint:
    """A transport, and what is known about its endpoint."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.label = transport.label
        self.genesis: str | None = None
        self.slot = 0
        self.lags = False
        self.foreign = False
        self.rests_until = -math.inf
        self.told_to_wait = False
        self.failures = 0
        self.error: NetworkError | None = None

    def rest(self, error: NetworkError, now: float) -> None:
        """Leave the endpoint alone after a failure."""
        self.error = error
        self.failures += 1
        seconds = min(_SHORTEST_REST * 2 ** (self.failures - 1), _LONGEST_REST)
        self.told_to_wait = isinstance(error, HttpStatusError) and error.retry_after is not None
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            seconds = max(seconds, float(error.retry_after))
        self.rests_until = now + seconds

    def recover(self) -> None:
        """The endpoint has responded properly."""
        self.rests_until, self.told_to_wait, self.failures, self.error = -math.inf, False, 0, None


class FailoverTransport:
    """A transport over the ``transports`` to several endpoints of one cluster. Not thread-safe.

    ``warn`` receives a line when an endpoint lags. ``send`` raises UsageError if the endpoints belong to different
    clusters, and else the errors of a transport.
    """

    def __init__(
        self, transports: Sequence[Transport], clock: Clock, commitment: str, warn: Callable[[str], None]
    ) -> None:
        self._endpoints = [_Endpoint(transport) for transport in transports]
        self._clock = clock
        self._commitment = commitment
        self._warn = warn
        self._current = self._endpoints[0]
        self._used = False
        self._surveyed_at = -math.inf
        self._sends = 0
        self.changes = 0
        """How often another endpoint than before has responded to a read."""

    @property
    def label(self) -> str:
        """The label of the endpoint that responded last."""
        return self._current.label

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            endpoint.transport.close()

    def send(self, body: bytes, *, timeout: float) -> bytes:
        """Post a request to the endpoints in order until one responds, within ``timeout`` seconds."""
        ends = self._clock.monotonic() + timeout
        request = json.loads(body)
        method: str = "" if isinstance(request, list) else request["method"]
        self._survey(ends)
        usable = self._usable(rotated=method == _SEND)
        failures: list[NetworkError] = []
        for number, endpoint in enumerate(usable):
            left = ends - self._clock.monotonic()
            if left <= 0:
                break
            try:
                answer = _exchange(endpoint, body, request, left / (len(usable) - number))
            except NetworkError as error:
                if _is_an_answer(error, request):
                    self._answered(endpoint, method)
                    raise
                failures.append(error)
                if not _concerns_request_only(error, request):
                    endpoint.rest(error, self._clock.monotonic())
                if not _may_be_repeated(error, method):
                    raise
            else:
                self._answered(endpoint, method)
                return answer
        raise self._failure(failures, method)

    def _answered(self, endpoint: _Endpoint, method: str) -> None:
        endpoint.recover()
        if method != _SEND:
            self.changes += self._used and endpoint is not self._current
            self._current = endpoint
            self._used = True

    # --- which endpoints --------------------------------------------------------------------------------------------

    def _usable(self, *, rotated: bool) -> list[_Endpoint]:
        """The endpoints to ask, in order. If all are resting, the next one that has not told how long to wait."""
        now = self._clock.monotonic()
        known = [one for one in self._endpoints if one.genesis is not None and not one.lags and not one.foreign]
        usable = [one for one in known if one.rests_until <= now]
        if not usable:
            resting = sorted(known, key=lambda one: one.rests_until)
            usable = [one for one in resting if not one.told_to_wait][:1]
        if rotated and usable:
            first = self._sends % len(usable)
            self._sends += 1
            usable = usable[first:] + usable[:first]
        return usable

    def _survey(self, ends: float) -> None:
        """Ask the endpoints for cluster and slot if that is due: all of them, or those not reached before."""
        now = self._clock.monotonic()
        missing = [one for one in self._endpoints if one.genesis is None]
        asked = [one for one in missing if one.rests_until <= now]
        if len(missing) == len(self._endpoints):
            asked = [one for one in missing if one.rests_until <= now or not one.told_to_wait]
        if now - self._surveyed_at >= SURVEY_INTERVAL:
            asked = [one for one in self._endpoints if one in asked or (one.rests_until <= now and not one.foreign)]
            self._surveyed_at = now
        for number, endpoint in enumerate(asked):
            left = ends - self._clock.monotonic()
            if left <= 0:
                break
            try:
                genesis, slot = self._ask(endpoint, min(_SURVEY_SECONDS, left / (len(asked) - number + 1)))
            except NetworkError as error:
                endpoint.rest(error, self._clock.monotonic())
            else:
                endpoint.genesis, endpoint.slot = genesis, max(slot, endpoint.slot)
                endpoint.recover()
        known = [one for one in self._endpoints if one.genesis is not None and not one.foreign]
        if known:
            self._compare_clusters(known)
        if known and asked:
            self._compare_slots([one for one in known if not one.foreign])

    def _ask(self, endpoint: _Endpoint, seconds: float) -> tuple[str, int]:
        """The genesis hash and the slot of an endpoint."""
        ends = self._clock.monotonic() + seconds
        requests: list[tuple[int, str, list[Json]]] = [
            (_SURVEY_ID, "getGenesisHash", []),
            (_SURVEY_ID + 1, "getSlot", [{"commitment": self._commitment}]),
        ]
        try:
            answer = endpoint.transport.send(encode_batch(requests), timeout=seconds)
            found = decode_batch(answer, requests, endpoint.label)
        except (HttpStatusError, RpcError, BadRpcResponse):  # perhaps it does not take batches
            found = []
            for number, method, params in requests:
                left = max(ends - self._clock.monotonic(), seconds / 4)
                answer = endpoint.transport.send(encode_request(number, method, params), timeout=left)
                found.append(decode_answer(answer, number, method, endpoint.label))
        genesis, slot = found
        if not isinstance(genesis, str) or not is_seed(genesis) or type(slot) is not int:
            raise bad_response("getGenesisHash and getSlot", endpoint.label, "expected a hash and a slot")
        return genesis, slot

    def _compare_clusters(self, known: Sequence[_Endpoint]) -> None:
        """Raise UsageError for different clusters unless one of them has been used already, which then is kept."""
        trusted = self._current if self._used else known[0]
        for one in known:
            if one.genesis == trusted.genesis:
                continue
            what = (
                f"{trusted.label} and {one.label} are endpoints of different clusters (genesis hashes "
                f"{trusted.genesis} and {one.genesis})"
            )
            if not self._used:
                raise UsageError(f"{what}.", hint="Use --rpc several times only for endpoints of the same cluster.")
            one.foreign = True
            self._warn(f"Warning: {what}; the latter is not used.")

    def _compare_slots(self, known: Sequence[_Endpoint]) -> None:
        best = max(known, key=lambda one: one.slot)
        for one in known:
            lag = best.slot - one.slot
            if lag > MOST_LAG and not one.lags:
                self._warn(f"Warning: {one.label} is {lag} slots behind {best.label} and not used until it catches up.")
            one.lags = lag > MOST_LAG

    # --- errors -----------------------------------------------------------------------------------------------------

    def _failure(self, failures: Sequence[NetworkError], method: str) -> NetworkError:
        """The error of a request to which no endpoint has responded, or which none could be asked."""
        changing = method == _SEND or method.startswith(_ONCE_ONLY)
        if not failures and changing:
            return Unreachable(
                f"None of the endpoints {self._labels} can be used now.",
                hint="The request was not sent.",
                endpoint=self.label,
                request_sent=False,
            )
        if method == _SEND:
            return _least_certain(failures)
        failed = failures or [one.error for one in self._endpoints if one.error is not None]
        if not failed:
            return TimedOut(
                f"None of the endpoints {self._labels} responded in time.", endpoint=self.label, request_sent=False
            )
        error = self._required_wait() or max(failed, key=_patience)
        others = [one.message for one in failed if one is not error and one.message != error.message]
        if others:
            error.hint = " ".join(filter(None, (error.hint, "Other endpoints failed, too:", *others)))
        return error

    @property
    def _labels(self) -> str:
        return ", ".join(one.label for one in self._endpoints)

    def _required_wait(self) -> HttpStatusError | None:
        """The error of the endpoint with the shortest wait of those that have told how long to wait."""
        now = self._clock.monotonic()
        waiting = [one for one in self._endpoints if one.told_to_wait and one.rests_until > now]
        soonest = min(waiting, key=lambda one: one.rests_until, default=None)
        if soonest is None or not isinstance(soonest.error, HttpStatusError):
            return None
        return HttpStatusError(
            soonest.error.message,
            endpoint=soonest.label,
            status=soonest.error.status,
            retry_after=math.ceil(soonest.rests_until - now),
        )


def _exchange(endpoint: _Endpoint, body: bytes, request: Any, timeout: float) -> bytes:
    """The response of an endpoint to a request or a batch. Raises NetworkError if it is not a result."""
    answer = endpoint.transport.send(body, timeout=timeout)
    if isinstance(request, list):
        with suppress(RpcError):  # of one of the requests, or of an endpoint without batches
            decode_batch(answer, [(one["id"], one["method"], one["params"]) for one in request], endpoint.label)
    else:
        decode_answer(answer, request["id"], request["method"], endpoint.label)
    return answer


def _is_an_answer(error: NetworkError, request: Any) -> bool:
    """Whether an endpoint has answered a read with an error that it would give again, as would others."""
    if not isinstance(error, RpcError) or isinstance(request, list) or request["method"] == _SEND:
        return False
    return _PATIENCE.delay(error, 0, 0.0) is None


def _concerns_request_only(error: NetworkError, request: Any) -> bool:
    """Whether an error says nothing about other requests to the endpoint: it may not take batches, or this method."""
    if isinstance(request, list):
        return isinstance(error, BadRpcResponse) or (
            isinstance(error, HttpStatusError) and _PATIENCE.delay(error, 0, 0.0) is None
        )
    return isinstance(error, RpcError) and _PATIENCE.delay(error, 0, 0.0) is None


def _may_be_repeated(error: NetworkError, method: str) -> bool:
    return not method.startswith(_ONCE_ONLY) or error.request_sent is False


def _patience(error: NetworkError) -> float:
    """How long a failure is worth waiting for, in seconds."""
    return _PATIENCE.deadline(error) or 0.0


def _least_certain(failures: Sequence[NetworkError]) -> NetworkError:
    """The failure to send a transaction that decides whether it may have been received anyway."""
    from psyche_cli.solana.sending.verdict import Delivery, delivery

    unclear = [error for error in failures if delivery(error) is Delivery.UNCLEAR]
    not_taken = [error for error in failures if delivery(error) is Delivery.NOT_TAKEN]
    return [*unclear, *not_taken, *failures][0]
