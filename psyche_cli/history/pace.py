"""How many requests an endpoint gets at once: more as long as it responds, half as many whenever it is overloaded."""

from __future__ import annotations

from typing import Final

from psyche_cli.errors import BadRpcResponse, HttpStatusError, NetworkError, TimedOut, Unreachable
from psyche_cli.solana.rpc.retry import RetryPolicy

BATCH: Final = 20
"""The most requests in one batch."""

_SERVER_ERROR: Final = 500
_FIRST: Final = 20.0
_SHORTEST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_RESPONSES_BEFORE_GROWTH: Final = 100


class Pace:
    """The pace of requests to one endpoint. Times are in seconds of a clock that never goes backward.

    At most ``most`` requests are in transit at the same time. The limit grows by one for each full limit of responses,
    and is halved when the endpoint refuses or fails. Then there is a pause: as long as its Retry-After says, otherwise
    one that doubles each time until the endpoint responds again.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(_FIRST, float(most))
        self.batch = BATCH
        """The most requests in one batch; 1 for an endpoint without batches.

        It is doubled after many responses, because the batches before may have failed by accident.
        """
        self.paused_until = 0.0
        self._most = float(most)
        self._failures = 0
        self._changed_at = -1.0
        self._responses_until_growth = self._responses = _RESPONSES_BEFORE_GROWTH

    def room(self, in_transit: int, lanes: int) -> int:
        """How many requests may be sent now, as one batch, while others are ``in_transit``; 0 if it has to wait.

        The limit is shared by ``lanes`` connections.
        """
        size = max(min(int(self.limit) // lanes, self.batch), 1)
        return size if in_transit + size <= int(self.limit) else 0

    def responded(self, count: int) -> None:
        """The endpoint has responded to ``count`` requests."""
        self._failures = 0
        self.limit = min(self.limit + count / self.limit, self._most)
        if self.batch < BATCH:
            self._responses -= count
            if self._responses <= 0:
                self.batch = min(self.batch * 2, BATCH)
                self._responses = self._responses_until_growth

    def failed(self, error: NetworkError, sent_at: float, now: float) -> None:
        """The endpoint has refused or failed a request that was sent at ``sent_at``."""
        retry_after = error.retry_after if isinstance(error, HttpStatusError) else None
        if sent_at >= self._changed_at:  # several failures at the same time count once
            self.limit = max(self.limit / 2, 1.0)
            self._failures += 1
            self._changed_at = now
        pause = min(_SHORTEST_PAUSE * 2 ** (self._failures - 1), _LONGEST_PAUSE)
        if retry_after is not None:
            pause = float(retry_after)
        self.paused_until = max(self.paused_until, now + pause)

    def refuse_batch(self, size: int) -> None:
        """The endpoint does not take batches of this size. Each refusal doubles the time until it grows again."""
        self.batch = max(min(self.batch, size) // 2, 1)
        self._responses = self._responses_until_growth
        self._responses_until_growth *= 2


def is_overload(error: NetworkError) -> bool:
    """Whether an endpoint that fails with this error may respond to the same request later."""
    if isinstance(error, HttpStatusError):
        return error.status >= _SERVER_ERROR or RetryPolicy().deadline(error) is not None
    return isinstance(error, Unreachable | TimedOut | BadRpcResponse) or RetryPolicy().deadline(error) is not None
