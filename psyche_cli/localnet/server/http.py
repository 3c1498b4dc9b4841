"""HTTP server for JSON-RPC and WebSocket server for PubSub, in one event loop, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.localnet.rpc.steps import Steps
from psyche_cli.localnet.server.connections import Connections
from psyche_cli.localnet.server.http_connection import HttpConnection
from psyche_cli.localnet.server.origins import is_local_origin
from psyche_cli.localnet.server.ports import BACKLOG, HOST
from psyche_cli.localnet.server.pubsub import PubSub
from psyche_cli.localnet.server.request import Request
from psyche_cli.localnet.server.responses import TEXT, head, preflight_headers
from psyche_cli.localnet.server.slices import Slices
from psyche_cli.localnet.server.websocket import WebSocketConnection

_ACCEPTS_IN_A_ROW: Final = 16
_SHUTDOWN_SECONDS: Final = 0.1
_SOON_SECONDS: Final = 0.02
"""The time between the answer to a subscription and a notification of what has landed before it.

kit only begins to listen for notifications when it has processed the answer, and misses one that comes with it.
"""

_REFUSAL: Final = b"Used HTTP Method is not allowed. POST or OPTIONS is required\n"


class LocalServer:
    """Serves one dispatcher and one PubSub on two bound sockets until stopped, then calls ``on_stop``."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        ports: tuple[socket.socket, socket.socket],
        *,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._slices = Slices()
        self._pubsub = PubSub(dispatcher.context, self._slices.add, _soon)
        self._on_stop = on_stop
        self._rpc_socket, self._ws_socket = ports
        self.rpc_port: int = self._rpc_socket.getsockname()[1]
        self.ws_port: int = self._ws_socket.getsockname()[1]
        self._connections = Connections()

    @property
    def rpc_url(self) -> str:
        """The URL of the JSON-RPC server."""
        return f"http://{HOST}:{self.rpc_port}"

    @property
    def ws_url(self) -> str:
        """The URL of the PubSub server."""
        return f"ws://{HOST}:{self.ws_port}"

    async def serve(self, started: asyncio.Event, stop: asyncio.Event) -> None:
        """Serve requests until ``stop`` is set; ``started`` is set once the sockets accept connections.

        The ports are released after ``on_stop``, so that a process that finds them free can use what it has closed.
        """
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon(stop.set)

        self._dispatcher.context.stop = end
        ports = [bound.dup() for bound in (self._rpc_socket, self._ws_socket)]
        listeners = [
            await _listen(self._http_connection, self._rpc_socket),
            await _listen(self._websocket_connection, self._ws_socket),
        ]
        ticker = asyncio.create_task(self._tick())
        started.set()
        try:
            await stop.wait()
        finally:
            ticker.cancel()
            for listener in listeners:
                listener.close()
            await self._connections.close_all(_SHUTDOWN_SECONDS)
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
            try:
                if self._on_stop is not None:
                    self._on_stop()
            finally:
                for port in ports:
                    port.close()

    def _http_connection(self) -> HttpConnection:
        return HttpConnection(self._answer, self._connections, self._slices, self._report)

    def _websocket_connection(self) -> WebSocketConnection:
        return WebSocketConnection(self._pubsub, self._connections, self._slices, self._report)

    def _report(self, line: str, is_internal: bool) -> None:
        context = self._dispatcher.context
        if is_internal:
            context.notice(line)
        elif context.log_requests:
            context.log(line)

    async def _tick(self) -> None:
        """Begin slots when they are due, so that subscribers are notified even without requests."""
        bank = self._dispatcher.context.bank
        while True:
            await asyncio.sleep(bank.seconds_to_catch_up)
            bank.catch_up()

    def _answer(self, request: Request) -> bytes | Steps:
        headers = request.headers
        if request.method == b"POST":
            answer = self._dispatcher.answer(request.body, allow_control=is_local_origin(headers.get(b"origin")))
            if isinstance(answer, bytes):
                return head(200, len(answer), connection=request.connection) + answer
            return _in_pieces(answer, request.connection)
        if request.method == b"OPTIONS":
            private = headers.get(b"access-control-request-private-network") == b"true"
            cors = preflight_headers(headers.get(b"access-control-request-headers"), private_network=private)
            return head(204, 0, headers=cors, connection=request.connection)
        is_head = request.method == b"HEAD"
        if request.path == b"/health" and (is_head or request.method == b"GET"):
            text = b"ok" if self._dispatcher.context.bank.journal.problem is None else b"unknown"
            return head(200, len(text), TEXT, connection=request.connection) + (b"" if is_head else text)
        refused = head(405, len(_REFUSAL), TEXT, headers=b"Allow: POST, OPTIONS\r\n", connection=request.connection)
        return refused + (b"" if is_head else _REFUSAL)


def _soon(work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(_SOON_SECONDS, work)


def _in_pieces(answer: Steps, connection: bytes) -> Steps:
    pieces = yield from answer
    return [head(200, sum(map(len, pieces)), connection=connection), *pieces]


async def _listen(connection: Callable[[], asyncio.Protocol], bound: socket.socket) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(connection, sock=bound, backlog=_ACCEPTS_IN_A_ROW)
    # asyncio also accepts up to ``backlog`` connections in a row, so that one is small; the socket's may be larger.
    bound.listen(BACKLOG)
    return listener
