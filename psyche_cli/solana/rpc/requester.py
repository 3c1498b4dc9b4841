"""JSON-RPC requests to one endpoint, with unique ids, retries of reads, and a deadline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from psyche_cli.environment import Clock, Wait, Waits
from psyche_cli.errors import HttpStatusError, Json, NetworkError, RpcError, TimedOut, Unreachable
from psyche_cli.solana.rpc.deadline import Deadline
from psyche_cli.solana.rpc.jsonrpc import (
    bad_response,
    decode_answer,
    decode_batch,
    decode_each,
    encode_batch,
    encode_request,
)
from psyche_cli.solana.rpc.retry import RetryPolicy

if TYPE_CHECKING:
    from typing_extensions import Self

    from psyche_cli.transport import Transport

REQUEST_TIMEOUT = 10.0

_Value = TypeVar("_Value")


class _Knowledge:
    """What is known about an endpoint, shared by all its clients: the slot that a node must have reached, and whether
    it takes batches."""

    def __init__(self) -> None:
        self.slot = 0
        self.takes_batches = True


class Requester:
    """A client for any method of one endpoint.

    ``timeout`` limits each attempt, in seconds; ``retry`` is the policy for reads. With a ``deadline``, no attempt and
    no pause extends beyond it; once it has passed, every call raises TimedOut without a request. ``waits`` shows long
    requests. Every call raises a NetworkError if a request fails: Unreachable, TimedOut, HttpStatusError, RpcError (a
    JSON-RPC error object) or BadRpcResponse (an invalid response).
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        timeout: float = REQUEST_TIMEOUT,
        retry: RetryPolicy | None = None,
        deadline: Deadline | None = None,
        waits: Waits | None = None,
    ) -> None:
        self.waits = waits or Waits()
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._deadline = deadline
        self._ids = count(1)
        self._knowledge = _Knowledge()

    @property
    def label(self) -> str:
        """The endpoint's label, safe to display."""
        return self._transport.label

    @property
    def endpoint_changes(self) -> int:
        """How often another one of several endpoints than before has responded to a read."""
        changes: int = getattr(self._transport, "changes", 0)
        return changes

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    @property
    def deadline(self) -> Deadline | None:
        """The deadline of all calls, if any."""
        return self._deadline

    def within(self, deadline: Deadline) -> Self:
        """A client of the same endpoint with the deadline ``deadline``."""
        client = self._copy()
        client._deadline = deadline
        return client

    @property
    def least_slot(self) -> int:
        """The slot required by ``require_slot``, or 0 if none is."""
        return self._knowledge.slot

    def require_slot(self, slot: int) -> None:
        """From now on, accept the state of the chain only from a node that has reached ``slot``.

        Call it with the slot in which a transaction landed: a URL may be served by several nodes, and another one may
        not have seen the transaction yet. Applies to all clients derived from the same one. A node that has not
        reached the slot rejects the request, which is then retried like that of a busy node.
        """
        self._knowledge.slot = max(self._knowledge.slot, slot)

    def without_retries(self, timeout: float | None = None) -> Self:
        """A client of the same endpoint without retries, for callers with their own retry loop."""
        client = self._copy()
        client._retry = RetryPolicy(unreachable_deadline=0.0, busy_deadline=0.0)
        client._timeout = self._timeout if timeout is None else timeout
        return client

    def _copy(self) -> Self:
        """A copy that shares the counter of request ids, so that a late or duplicate response on a persistent
        connection is never mistaken for the response to another request."""
        another = object.__new__(type(self))
        vars(another).update(vars(self))
        return another

    def request(self, method: str, params: Sequence[Json] = (), *, retry: bool = True) -> Json:
        """The unvalidated result of any method. With ``retry``, transient failures are retried."""
        with self.waits.showing(f"Waiting for {self.label}: {method}") as wait:
            return self._attempt_repeatedly(method, params, wait, retry=retry)

    def _attempt_repeatedly(self, method: str, params: Sequence[Json], wait: Wait, *, retry: bool) -> Json:
        started = self._clock.monotonic()
        attempt = 0
        while True:
            timeout = self._attempt_seconds(method)
            wait.now(f"try {attempt + 1}, {{}} s left", timeout)
            request_id = next(self._ids)
            try:
                answer = self._transport.send(encode_request(request_id, method, list(params)), timeout=timeout)
                return decode_answer(answer, request_id, method, self.label)
            except NetworkError as error:
                delay = self._retry.delay(error, attempt, self._clock.monotonic() - started) if retry else None
                if delay is None or (self._deadline is not None and delay >= self._deadline.remaining):
                    raise
                why = f"HTTP status {error.status}, " if isinstance(error, HttpStatusError) else ""
            attempt += 1
            wait.now(f"{why}try {attempt + 1} in {{}} s", delay)
            self.waits.sleep(self._clock, delay)

    def try_together(self, *requests: tuple[str, Sequence[Json]]) -> list[Json] | None:
        """The unvalidated results of several reads in one batch, which takes one round trip; None if that failed.

        Makes a single attempt. The caller then makes the requests one by one, with retries and their own errors. An
        endpoint that has responded to a batch with an error is not sent another one. Raises TimedOut if the deadline
        has passed.
        """
        if not self._knowledge.takes_batches:
            return None
        numbered = [(next(self._ids), method, list(params)) for method, params in requests]
        timeout = self._attempt_seconds(requests[0][0])
        methods = " and ".join(method for method, _ in requests)
        try:
            with self.waits.showing(f"Waiting for {self.label}: {methods}") as wait:
                wait.now("{} s left", timeout)
                answer = self._transport.send(encode_batch(numbered), timeout=timeout)
            return decode_batch(answer, numbered, self.label)
        except (Unreachable, TimedOut):
            return None
        except NetworkError:
            self._knowledge.takes_batches = False
            return None

    def attempt(self, *requests: tuple[str, Sequence[Json]]) -> list[Json | RpcError]:
        """One attempt at several reads in one batch, or at a single one: the unvalidated result or the error of each.

        For callers with a retry loop of their own, also in other threads if the transport permits it. Raises
        NetworkError if the endpoint does not respond to all of them.
        """
        numbered = [(next(self._ids), method, list(params)) for method, params in requests]
        timeout = self._attempt_seconds(requests[0][0])
        if len(numbered) > 1:
            return decode_each(self._transport.send(encode_batch(numbered), timeout=timeout), numbered, self.label)
        answer = self._transport.send(encode_request(*numbered[0]), timeout=timeout)
        try:
            return [decode_answer(answer, numbered[0][0], numbered[0][1], self.label)]
        except RpcError as error:
            return [error]

    def _attempt_seconds(self, method: str) -> float:
        if self._deadline is None:
            return self._timeout
        if self._deadline.passed:
            raise TimedOut(
                f"The command's time limit of {self._deadline.seconds:g} seconds expired before {method} could be sent "
                f"to {self.label}.",
                hint="The endpoint is slow. Use another one or a longer --timeout, or try again later.",
                endpoint=self.label,
                request_sent=False,
            )
        return min(self._timeout, self._deadline.remaining)

    def call(
        self, method: str, params: Sequence[Json], read: Callable[[Json], _Value], *, retry: bool = True
    ) -> _Value:
        """The result of any method as ``read`` returns it. A ValueError that it raises becomes BadRpcResponse."""
        result = self.request(method, params, retry=retry)
        try:
            return read(result)
        except ValueError as error:
            raise bad_response(method, self.label, str(error)) from error
