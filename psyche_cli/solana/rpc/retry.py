"""Which failures of a read are worth another attempt, when, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from psyche_cli.errors import HttpStatusError, NetworkError, RpcError, TimedOut, Unreachable
from psyche_cli.solana.rpc.codes import MIN_CONTEXT_SLOT_NOT_REACHED, NODE_UNHEALTHY, RATE_LIMITED

_BUSY_STATUSES = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_BUSY_RPC_CODES = frozenset({NODE_UNHEALTHY, MIN_CONTEXT_SLOT_NOT_REACHED, RATE_LIMITED})


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential back-off until a wall-clock deadline. All values are seconds, ``factor`` aside.

    Two deadlines count from the first attempt. An endpoint that cannot be reached is most often a wrong URL or a
    validator that does not run, so that is reported within 3 seconds. One that answers "busy" or is slow exists, and
    gets
    20 seconds.
    """

    first_delay: float = 0.25
    factor: float = 2.0
    longest_delay: float = 4.0
    unreachable_deadline: float = 2.5
    busy_deadline: float = 20.0

    def delay(self, error: NetworkError, attempt: int, elapsed: float) -> float | None:
        """Seconds to wait after the failed ``attempt`` (from 0), or None when it was the last.

        ``elapsed`` is the time since the first attempt began. A Retry-After of the endpoint is honoured unless it
        reaches beyond the deadline, when waiting is pointless.
        """
        deadline = self._deadline(error)
        if deadline is None:
            return None
        delay = min(self.first_delay * self.factor**attempt, self.longest_delay)
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            delay = max(delay, float(error.retry_after))
        return delay if elapsed + delay < deadline else None

    def _deadline(self, error: NetworkError) -> float | None:
        """Until when this failure is retried, or None when another attempt would end the same."""
        if isinstance(error, Unreachable):
            return self.unreachable_deadline
        if isinstance(error, TimedOut):
            return self.unreachable_deadline if error.request_sent is False else self.busy_deadline
        if isinstance(error, HttpStatusError) and error.status in _BUSY_STATUSES:
            return self.busy_deadline
        if isinstance(error, RpcError) and error.rpc_code in _BUSY_RPC_CODES:
            return self.busy_deadline
        return None
