"""Limits on open connections: idle connections are closed, so that they cannot block new ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

SILENT_SECONDS: Final = 60.0
"""The time limit for the first request of a new connection, in seconds."""

_RESERVED_FILES: Final = 256
_WANTED_FILES: Final = 65_536
Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


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


class _LineHandler(logging.Handler):
    def __init__(self, report: Callable[[str, bool], None]) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        of_client = isinstance(error, (HttpProcessingError, web.RequestPayloadError, ConnectionError))
        what = "" if error is None else f": {type(error).__name__}"
        self._report(f"http: {record.getMessage()}{what}", not of_client)


def http_logger(report: Callable[[str, bool], None]) -> logging.Logger:
    """A logger for aiohttp that passes each line to ``report``, with True for an internal error and False for a
    client's.

    By default, aiohttp writes a traceback to stderr for any input that is not HTTP.
    """
    logger = logging.Logger("psyche_cli.localnet.http", logging.WARNING)
    logger.addHandler(_LineHandler(report))
    return logger


class BoundedServer(web.Server):
    """aiohttp's server with limits on the number of connections and on the idle time of a new one."""

    def __init__(self, handler: Handler, connections: Connections, **options: Any) -> None:
        super().__init__(handler, **options)
        self._bound = connections

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Called by aiohttp for every new connection."""
        super().connection_made(handler, transport)
        self._bound.opened(handler, transport)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        """Called by aiohttp when a connection has ended."""
        super().connection_lost(handler, exc)
        self._bound.closed(handler)
