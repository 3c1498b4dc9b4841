"""The retry policy for reads."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

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


class RetryPolicy(NamedTuple):
    """Exponential backoff until a wall-clock deadline. All values except ``factor`` are seconds.

    There are two deadlines, both relative to the first attempt. An unreachable endpoint usually means a wrong URL or a
    validator that is not running, which is reported within 3 seconds. An endpoint that is slow or responds that it is
    busy gets 20 seconds.
    """

    first_delay: float = 0.25
    factor: float = 2.0
    longest_delay: float = 4.0
    unreachable_deadline: float = 2.5
    busy_deadline: float = 20.0

    def delay(self, error: NetworkError, attempt: int, elapsed: float) -> float | None:
        """Seconds to wait after the failed ``attempt`` (from 0), or None if it was the last.

        ``elapsed`` is the number of seconds since the start of the first attempt. A Retry-After header is honored; if
        it extends beyond the deadline, there is no further attempt.
        """
        deadline = self.deadline(error)
        if deadline is None:
            return None
        delay = min(self.first_delay * self.factor**attempt, self.longest_delay)
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            delay = max(delay, float(error.retry_after))
        return delay if elapsed + delay < deadline else None

    def deadline(self, error: NetworkError) -> float | None:
        """The deadline for retries of this failure, or None if it is permanent."""
        if isinstance(error, Unreachable):
            return self.unreachable_deadline
        if isinstance(error, TimedOut):
            return self.unreachable_deadline if error.request_sent is False else self.busy_deadline
        if isinstance(error, HttpStatusError) and error.status in _BUSY_STATUSES:
            return self.busy_deadline
        if isinstance(error, RpcError) and error.rpc_code in _BUSY_RPC_CODES:
            return self.busy_deadline
        return None
