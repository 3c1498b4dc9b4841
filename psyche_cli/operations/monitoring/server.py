"""The HTTP server of metrics: one page for Prometheus, on loopback unless requests must have a token."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web

from psyche_cli.localnet.server.connections import Connections
from psyche_cli.operations.serving.bounded_server import BoundedServer, http_logger
from psyche_cli.operations.serving.sockets import OwnHost
from psyche_cli.operations.serving.tokens import bears_token

if TYPE_CHECKING:
    from psyche_cli.operations.monitoring.source import MetricsSource

PATH: Final = "/metrics"

_MOST_CONNECTIONS: Final = 64
_SHUTDOWN_SECONDS: Final = 0.1
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class MetricsServer:
    """Serves a source at a bound socket. ``token`` must be in all requests, unless it is empty."""

    def __init__(
        self, source: MetricsSource, bound: socket.socket, *, token: str, report: Callable[[str], None]
    ) -> None:
        self._source = source
        self._socket = bound
        self._token = token
        self._report = report
        self._connections = Connections(_MOST_CONNECTIONS)
        self._own = OwnHost(bound)
        self.url = f"{self._own.url}{PATH}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A context in which requests are answered."""
        logger = http_logger(lambda line, is_internal: self._report(line) if is_internal else None)
        server = BoundedServer(self._answer, self._connections, logger=logger)
        listener = await asyncio.get_running_loop().create_server(server, sock=self._socket)
        try:
            yield
        finally:
            listener.close()
            await server.shutdown(_SHUTDOWN_SECONDS)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._connections.mark_active(request.protocol)
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        text, content_type = await self._source.fresh_exposition(request.headers.get("Accept"))
        return web.Response(body=text, headers={**_HEADERS, "Content-Type": content_type})

    def _refusal(self, request: web.BaseRequest) -> web.Response | None:
        """The answer to a request that is not served.

        Without a token, requests from web pages are refused: those with an origin, and those with another host, such as
        a name that resolves to this machine (DNS rebinding).
        """
        if self._token:
            if not bears_token(request.headers.get("Authorization", ""), self._token):
                return _plain(401, "A token is required.", {"WWW-Authenticate": "Bearer"})
        elif not self._own.allows(request.host) or "Origin" in request.headers:
            return _plain(403, "The host or the origin of the request is not allowed.")
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "Only GET is supported.", {"Allow": "GET, HEAD"})
        if request.path != PATH:
            return _plain(404, f"The metrics are at {PATH}.")
        return None


def _plain(status: int, text: str, more: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=f"{text}\n", headers={**_HEADERS, **(more or {})})
