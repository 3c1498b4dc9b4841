"""aiohttp's server with limits on connections, and its log in one line per error."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from psyche_cli.localnet.server.connections import Connections

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


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
    logger = logging.Logger("psyche_cli.serving.http", logging.WARNING)
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
