"""Limits on open connections: idle connections are closed, so that they cannot block new ones."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sys
from typing import Any, Final

SILENT_SECONDS: Final = 60.0
"""The time limit for the first request of a new connection, in seconds."""

_RESERVED_FILES: Final = 256
_WANTED_FILES: Final = 65_536
_PAUSE_SECONDS: Final = 0.002


def raise_file_limit() -> None:
    """Raise this process's open-file limit as far as the system permits, since every connection is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems permit less than their hard limit.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def max_connections() -> int:
    """The maximum number of connections that leaves enough open files for other uses."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(soft // 2, soft - _RESERVED_FILES)


class Connections:
    """The open connections of the servers that share it, at most ``limit`` (default: ``max_connections``)."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = max_connections() if limit is None else limit
        self._open: dict[Any, asyncio.Transport] = {}
        self._silent: dict[Any, asyncio.TimerHandle] = {}

    def opened(self, connection: Any, transport: asyncio.Transport) -> None:
        """Register a new connection. Above the limit, abort the oldest one without a request, possibly the new one."""
        self._open[connection] = transport
        self._silent[connection] = asyncio.get_running_loop().call_later(SILENT_SECONDS, transport.abort)
        if len(self._open) > self._limit:
            longest = next(iter(self._silent))
            self._open[longest].abort()
            self.closed(longest)

    def mark_active(self, connection: Any) -> None:
        """Record that a connection has sent a complete request."""
        silent = self._silent.pop(connection, None)
        if silent is not None:
            silent.cancel()

    def closed(self, connection: Any) -> None:
        """Remove a connection."""
        self.mark_active(connection)
        self._open.pop(connection, None)

    async def close_all(self, seconds: float) -> None:
        """Call the method ``close`` of every connection, and abort those that are still open after ``seconds``."""
        for connection in list(self._open):
            connection.close()
        end = asyncio.get_running_loop().time() + seconds
        while self._open and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(_PAUSE_SECONDS)
        for transport in list(self._open.values()):
            transport.abort()
        await asyncio.sleep(0)
