"""The HTTP server of a page: who may have it, and how it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web

from psyche_cli.errors import MonitoringError
from psyche_cli.localnet.server.connections import Connections
from psyche_cli.operations.dashboard.guard import Guard
from psyche_cli.operations.dashboard.texts import document_text
from psyche_cli.operations.serving.bounded_server import BoundedServer, http_logger
from psyche_cli.operations.serving.sockets import OwnHost

if TYPE_CHECKING:
    import socket

    from psyche_cli.operations.dashboard.page import Page

_MOST_CONNECTIONS: Final = 128
_SHUTDOWN_SECONDS: Final = 0.1
_LONGEST_LINE: Final = 4_096
_LONGEST_FIELD: Final = 8_190
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PageServer:
    """Serves a page at a bound socket, and nothing else. ``token`` must be in all requests, unless it is empty.

    ``report`` takes internal errors.
    """

    def __init__(self, page: Page, bound: socket.socket, *, token: str, report: Callable[[str], None]) -> None:
        own = OwnHost(bound)
        self._page = page
        self._socket = bound
        self._report = report
        self._connections = Connections(_MOST_CONNECTIONS)
        self.guard = Guard(own, token)
        self.url = f"{own.url}/"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A context in which requests are answered."""
        logger = http_logger(lambda line, is_internal: self._report(line) if is_internal else None)
        server = BoundedServer(
            self._answer,
            self._connections,
            logger=logger,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_FIELD,
        )
        listener = await asyncio.get_running_loop().create_server(server, sock=self._socket)
        try:
            yield
        finally:
            listener.close()
            self.end_streams()
            await server.shutdown(_SHUTDOWN_SECONDS)

    def end_streams(self) -> None:
        """End answers that do not end by themselves."""

    async def document(self, request: web.BaseRequest, path: str) -> web.StreamResponse:  # noqa: ARG002 -- for others
        """The answer to an allowed request for something else than the page. Raises MonitoringError."""
        return refused(404, "There is nothing at this path.")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._connections.mark_active(request.protocol)
        path = request.rel_url.raw_path
        if path == "/" and request.method == "GET" and self.guard.opens(request):
            return web.Response(status=303, headers={**HEADERS, "Location": "/", "Set-Cookie": self.guard.cookie})
        refusal = self.guard.refusal(request)
        if refusal is not None:
            return refused(*refusal)
        if path == "/":
            policy = {"Content-Security-Policy": self._page.policy}
            return web.Response(
                body=self._page.html.encode(), content_type="text/html", charset="utf-8", headers={**HEADERS, **policy}
            )
        try:
            return await self.document(request, path)
        except MonitoringError as error:
            return refused(503, error.message)


def refused(status: int, sentence: str) -> web.Response:
    """The answer to a request that is not answered otherwise."""
    more = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET, HEAD"}}.get(status, {})
    response = web.Response(
        status=status,
        body=document_text({"error": sentence}, str).encode(),
        content_type="application/json",
        headers={**HEADERS, **more},
    )
    if status == 413:
        response.force_close()
    return response
