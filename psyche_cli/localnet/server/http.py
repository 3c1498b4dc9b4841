"""HTTP server for JSON-RPC and WebSocket server for PubSub, in one event loop, on 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from psyche_cli.localnet.rpc.dispatcher import Dispatcher
from psyche_cli.localnet.server.connections import BoundedServer, Connections, http_logger
from psyche_cli.localnet.server.ports import BACKLOG, HOST
from psyche_cli.localnet.server.pubsub import PubSub

MAX_BODY_BYTES: Final = 1024 * 1024
"""The maximum size of a request over HTTP or WebSocket, in bytes (aiohttp's limit for HTTP)."""

MAX_QUEUED_BYTES: Final = 32 * 1024 * 1024
MAX_QUEUED_MESSAGES: Final = 50_000
_ACCEPTS_IN_A_ROW: Final = 16
_BODY_SECONDS: Final = 30.0
_PING_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 1.0
_SHUTDOWN_SECONDS: Final = 0.1
_ANY_ORIGIN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


_LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class QueuedConnection:
    """A WebSocket with a queue of outgoing messages. A subscriber whose queue overflows is disconnected."""

    def __init__(self, websocket: web.WebSocketResponse, abort: Callable[[], None]) -> None:
        self._websocket = websocket
        self._abort = abort
        self._queue: deque[str] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self.overflowed = False

    def push(self, text: str) -> None:
        """Queue a message."""
        if self.overflowed:
            return
        self._queue.append(text)
        self._queued_bytes += len(text)
        if self._queued_bytes > MAX_QUEUED_BYTES or len(self._queue) > MAX_QUEUED_MESSAGES:
            self.overflowed = True
            self._queue.clear()
            # The sender may be blocked in a message that the peer does not read; only an abort unblocks it.
            self._abort()
        self._wake.set()

    async def send_queued(self) -> None:
        """Send queued messages until the connection ends or must be dropped."""
        with contextlib.suppress(ConnectionError):
            while not self.overflowed:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    text = self._queue.popleft()
                    self._queued_bytes -= len(text)
                    await self._websocket.send_str(text)


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
        self._pubsub = PubSub(dispatcher.context)
        self._on_stop = on_stop
        self._rpc_socket, self._ws_socket = ports
        self.rpc_port: int = self._rpc_socket.getsockname()[1]
        self.ws_port: int = self._ws_socket.getsockname()[1]
        self._sessions: set[asyncio.Task[object]] = set()
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
        """Serve requests until ``stop`` is set; ``started`` is set once the sockets accept connections."""
        loop = asyncio.get_running_loop()
        # anchorpy declares gzip for uncompressed JSON bodies, so the declared encoding is ignored.
        logger = http_logger(self._report)
        http = BoundedServer(self._answer_http, self._connections, auto_decompress=False, logger=logger)
        websockets = BoundedServer(self._answer_websocket, self._connections, logger=logger)
        listeners = [await self._listen(loop, http, self._rpc_socket)]
        listeners.append(await self._listen(loop, websockets, self._ws_socket))
        ticker = asyncio.create_task(self._tick())
        started.set()
        try:
            await stop.wait()
        finally:
            ticker.cancel()
            for listener in listeners:
                listener.close()
            for session in list(self._sessions):
                session.cancel()
            await http.shutdown(_SHUTDOWN_SECONDS)
            await websockets.shutdown(_SHUTDOWN_SECONDS)
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
            if self._on_stop is not None:
                self._on_stop()

    def _report(self, line: str, is_internal: bool) -> None:
        context = self._dispatcher.context
        if is_internal:
            context.notice(line)
        elif context.log_requests:
            context.log(line)

    @staticmethod
    async def _listen(loop: asyncio.AbstractEventLoop, server: web.Server, bound: socket.socket) -> asyncio.Server:
        listener = await loop.create_server(server, sock=bound, backlog=_ACCEPTS_IN_A_ROW)
        # asyncio also accepts up to ``backlog`` connections in a row, so that one is small; the socket's may be larger.
        bound.listen(BACKLOG)
        return listener

    async def _tick(self) -> None:
        """Begin slots when they are due, so that subscribers are notified even without requests."""
        bank = self._dispatcher.context.bank
        while True:
            await asyncio.sleep(bank.timekeeper.slot_seconds or 1.0)
            bank.catch_up()

    async def _answer_http(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await self._body_of(request)
        except asyncio.TimeoutError:
            return web.Response(status=408, headers=_ANY_ORIGIN)
        except (ConnectionError, web.RequestPayloadError):
            # The client has disconnected, or its body is not valid HTTP.
            return web.Response(status=400, headers=_ANY_ORIGIN)
        self._connections.mark_active(request.protocol)
        if request.method == "POST":
            answer = self._dispatcher.handle(body, allow_control=_is_local_origin(request))
            return web.Response(body=answer, content_type="application/json", headers=_ANY_ORIGIN)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_ANY_ORIGIN)
        if request.method == "GET" and request.path == "/health":
            healthy = self._dispatcher.context.bank.journal.problem is None
            return web.Response(text="ok" if healthy else "unknown", headers=_ANY_ORIGIN)
        return web.Response(
            status=405, text="Used HTTP Method is not allowed. POST or OPTIONS is required\n", headers=_ANY_ORIGIN
        )

    @staticmethod
    async def _body_of(request: web.BaseRequest) -> bytes:
        if request.method != "POST":
            return b""
        if request.content.is_eof():
            return await request.read()
        return await asyncio.wait_for(request.read(), _BODY_SECONDS)

    async def _answer_websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        websocket = web.WebSocketResponse(
            timeout=_CLOSE_SECONDS, heartbeat=_PING_SECONDS, max_msg_size=MAX_BODY_BYTES, compress=False
        )
        if not websocket.can_prepare(request).ok:
            return web.Response(status=426, text="This port speaks WebSocket only.\n", headers={"Upgrade": "websocket"})
        await websocket.prepare(request)
        self._connections.mark_active(request.protocol)
        connection = QueuedConnection(websocket, lambda: _abort(request))
        reader = asyncio.create_task(self._read(websocket, connection))
        writer = asyncio.create_task(connection.send_queued())
        tasks: set[asyncio.Task[object]] = {reader, writer}
        self._sessions |= tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pubsub.disconnect(connection)
            for task in tasks:
                task.cancel()
            self._sessions -= tasks
            await asyncio.gather(*tasks, return_exceptions=True)
            if not connection.overflowed:
                await websocket.close()
        return websocket

    async def _read(self, websocket: web.WebSocketResponse, connection: QueuedConnection) -> None:
        async for message in websocket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._pubsub.handle(connection, message.data)


def _is_local_origin(request: web.BaseRequest) -> bool:
    """Whether a request does not come from a web page, or comes from one served by this machine.

    Browsers send the page's origin by host name, even if that name resolves to this machine (DNS rebinding).
    """
    origin = request.headers.get("Origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return False
    return host in _LOCAL_HOSTS or (host or "").endswith(".localhost")


def _abort(request: web.BaseRequest) -> None:
    """Abort a connection without a closing handshake."""
    if request.transport is not None:
        request.transport.abort()
