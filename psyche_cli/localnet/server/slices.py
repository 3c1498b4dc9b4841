"""Long work in slices, so that it does not hold up other connections."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

SLICE_SECONDS: Final = 0.004
"""How long one piece of work may continue before other connections are served, in seconds."""

Work: TypeAlias = Callable[[], None]


def slice_end() -> float:
    """The time at which a slice that begins now ends, to be compared with ``time.perf_counter()``."""
    return time.perf_counter() + SLICE_SECONDS


class Slices:
    """Work of all connections that did not fit into one slice. One piece runs in each iteration of the event loop.

    So a request of another connection waits for at most one slice, however many connections have long work.
    """

    def __init__(self) -> None:
        self._waiting: deque[Work] = deque()
        self._scheduled = False

    def add(self, work: Work) -> None:
        """Call ``work`` once, after the other work that waits. It may add itself again."""
        self._waiting.append(work)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        work = self._waiting.popleft()
        if self._waiting:
            self._schedule()
        work()
