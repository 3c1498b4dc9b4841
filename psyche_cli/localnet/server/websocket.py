"""One WebSocket connection of PubSub. The protocol is that of the package ``websockets``, without its I/O.

Messages are handled in slices of time, and only as fast as the client reads the answers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

from psyche_cli.localnet.server.connections import Connections
from psyche_cli.localnet.server.http_connection import MAX_BODY_BYTES, Report
from psyche_cli.localnet.server.pubsub import PubSub
from psyche_cli.localnet.server.sliced_connection import SlicedConnection
from psyche_cli.localnet.server.slices import Slices, slice_end

if TYPE_CHECKING:
    from websockets.frames import Frame
    from websockets.http11 import Request as HandshakeRequest
    from websockets.server import ServerProtocol

MAX_QUEUED_BYTES: Final = 32 * 1024 * 1024
"""A subscriber with more unread messages than this is disconnected."""

PING_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 1.0
_PARSED_AT_ONCE: Final = 4096
_MOST_TOGETHER: Final = 65_536
_CONTINUATION, _TEXT, _BINARY = 0, 1, 2
_GOING_AWAY: Final = 1001
_INVALID_TEXT: Final = 1007
_UPGRADE_REQUIRED: Final = 426
_SENTENCE: Final = "This port speaks WebSocket only.\n"


class WebSocketConnection(SlicedConnection):
    """A connection to ``pubsub``. Its work is shared with others by ``slices``."""

    def __init__(self, pubsub: PubSub, connections: Connections, slices: Slices, report: Report) -> None:
        super().__init__(slices)
        self._pubsub = pubsub
        self._connections = connections
        self._report = report
        self._protocol: ServerProtocol
        self._incoming: deque[bytes] = deque()
        self._fragments: list[bytes] = []
        self._messages: deque[bytes] = deque()
        self._outgoing: list[bytes] = []
        self._queued = 0
        self._is_text = False
        self._is_open = False
        self._awaits_pong = False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # -- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        # Imported when the first client comes, since most validators in tests have none.
        from websockets.server import ServerProtocol

        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._protocol = ServerProtocol(max_size=MAX_BODY_BYTES)
        self._connections.opened(self, transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the interface of asyncio
        """Called by asyncio when the connection has ended."""
        self._is_lost = True
        self._is_open = False
        self._connections.closed(self)
        for timer in self._timers.values():
            timer.cancel()
        self._incoming.clear()
        self._messages.clear()
        self._outgoing.clear()
        self._pubsub.disconnect(self)

    def eof_received(self) -> bool:
        """Called by asyncio when the client sends nothing more."""
        return False

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._awaits_pong = False
        # Many small frames take long, so they are parsed in parts.
        self._incoming.extend(data[at : at + _PARSED_AT_ONCE] for at in range(0, len(data), _PARSED_AT_ONCE))
        self._work()

    def close(self) -> None:
        """Close the connection since the server stops."""
        if self._is_open:
            self._protocol.send_close(_GOING_AWAY)
            self._send_protocol()
        self._transport.close()

    # -- messages to the client

    def push(self, text: str) -> None:
        """Send a message. A client that does not keep up with its messages is disconnected."""
        if not self._is_open:
            return
        payload = text.encode()
        self._queued += len(payload)
        if self._queued + self._transport.get_write_buffer_size() > MAX_QUEUED_BYTES:
            self._drop()
            return
        self._outgoing.append(_head_of_text(len(payload)))
        self._outgoing.append(payload)
        # Messages that are sent together take one system call.
        if len(self._outgoing) == 2:
            asyncio.get_running_loop().call_soon(self.flush)
        elif self._queued > _MOST_TOGETHER:
            self.flush()

    def _drop(self) -> None:
        self._is_open = False
        self._outgoing.clear()
        self._pubsub.disconnect(self)
        self._transport.abort()

    def flush(self) -> None:
        """Send the messages that wait for others to be sent with them."""
        self._queued = 0
        if self._outgoing:
            content = b"".join(self._outgoing)
            self._outgoing.clear()
            self._send(content)

    def _ping(self) -> None:
        if self._awaits_pong:
            self._drop()
            return
        self._awaits_pong = True
        self._protocol.send_ping(b"")
        self._send_protocol()
        self._later("ping", PING_SECONDS, self._ping)

    def _later(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action)

    def _send_protocol(self) -> None:
        """Send what the protocol wants to: the handshake, pongs, and the end."""
        for data in self._protocol.data_to_send():
            if data:
                self._outgoing.append(data)
            else:
                self._is_open = False
                self.flush()
                self._transport.write_eof()
                self._later("close", _CLOSE_SECONDS, self._transport.abort)
        self.flush()

    # -- messages from the client

    def _work(self) -> None:
        """Handle what was received, for the time of one slice."""
        if self._is_scheduled or self._is_lost:
            return
        end = slice_end()
        while not self._is_blocked and not self._is_lost and (self._messages or self._incoming):
            if self._messages:
                self._pubsub.handle(self, self._messages.popleft())
            else:
                self._parse()
            if perf_counter() > end:
                self._continue_later()
                return
        if not self._is_blocked and not self._is_lost:
            self._transport.resume_reading()

    def _parse(self) -> None:
        protocol = self._protocol
        protocol.receive_data(self._incoming.popleft())
        for event in protocol.events_received():
            if self._is_open:
                self._receive(cast("Frame", event))
            else:
                self._shake_hands(cast("HandshakeRequest", event))
        if protocol.parser_exc is not None or protocol.handshake_exc is not None:
            self._report(f"websocket: {protocol.parser_exc or protocol.handshake_exc}", False)
            self._incoming.clear()
        self._send_protocol()

    def _shake_hands(self, request: HandshakeRequest) -> None:
        if self._protocol.handshake_exc is not None:
            return
        response = self._protocol.accept(request)
        if response.status_code == _UPGRADE_REQUIRED:
            response = self._protocol.reject(_UPGRADE_REQUIRED, _SENTENCE)
            response.headers["Upgrade"] = "websocket"
        self._protocol.send_response(response)
        if self._protocol.handshake_exc is None:
            self._is_open = True
            self._connections.mark_active(self)
            self._later("ping", PING_SECONDS, self._ping)

    def _receive(self, frame: Frame) -> None:
        if frame.opcode not in (_CONTINUATION, _TEXT, _BINARY):
            return
        if frame.opcode != _CONTINUATION:
            self._is_text = frame.opcode == _TEXT
        if frame.data:
            self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return
        message = b"".join(self._fragments)
        self._fragments.clear()
        if self._is_text and not _is_utf8(message):
            self._protocol.fail(_INVALID_TEXT, "the text is not UTF-8")
            return
        self._messages.append(message)


def _head_of_text(length: int) -> bytes:
    """The bytes before a text of ``length`` bytes in an unfragmented frame of a server (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
