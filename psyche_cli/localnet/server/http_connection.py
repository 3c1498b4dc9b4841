"""One HTTP/1.1 connection: requests are read by httptools and answered in their order.

A response may be one piece of bytes, or steps that produce it; between steps, other connections are served. Nothing is
read while responses wait: for their steps, or for a client that does not read them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final, TypeAlias

import httptools

from psyche_cli.localnet.rpc.steps import Steps
from psyche_cli.localnet.server.connections import Connections
from psyche_cli.localnet.server.request import Request
from psyche_cli.localnet.server.responses import CONTINUE, TEXT, head
from psyche_cli.localnet.server.sliced_connection import SlicedConnection
from psyche_cli.localnet.server.slices import Slices, slice_end

MAX_BODY_BYTES: Final = 1024 * 1024
"""The maximum size of a request over HTTP or WebSocket, in bytes."""

MAX_HEAD_BYTES: Final = 64 * 1024
_MAX_TRANSFER_BYTES: Final = 8 * MAX_BODY_BYTES
"""The maximum size of a body with what divides it into chunks, which is more than a chunk for each byte needs."""

BODY_SECONDS: Final = 30.0
"""How long a client may take to send a body, in seconds."""

STALLED_SECONDS: Final = 60.0
"""How long a client may leave responses unread, in seconds."""

IDLE_SECONDS: Final = 3600.0
"""How long a connection may stay open between requests, in seconds."""

_LINGER_SECONDS: Final = 2.0

Report: TypeAlias = Callable[[str, bool], None]
"""Receives a line for the log, and whether it is about an error of this program."""


Answer: TypeAlias = "Callable[[Request], bytes | Steps]"


class HttpConnection(SlicedConnection):
    """A connection whose requests ``answer`` answers. Its work is shared with others by ``slices``."""

    def __init__(self, answer: Answer, connections: Connections, slices: Slices, report: Report) -> None:
        super().__init__(slices)
        self._answer = answer
        self._connections = connections
        self._report = report
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._chunks: list[bytes] = []
        self._received = 0
        self._received_for_body = 0
        self._in_body = False
        self._is_read_again = False
        """The head being read is a repetition, without its upgrade."""
        self._body_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._last_active = 0.0
        self._requests: deque[Request] = deque()
        self._current: Request | None = None
        self._steps: Steps | None = None
        self._pieces: deque[bytes] = deque()
        self._stalled: asyncio.TimerHandle | None = None
        self._ends = False
        """No further request is read: the rest of the input is discarded."""
        self._lingers = False
        """The client may still be sending when the connection is closed, which therefore waits a little."""
        self._is_finished = False

    # -- the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.opened(self, transport)
        self._watch_idleness()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- the interface of asyncio
        """Called by asyncio when the connection has ended. Unfinished work is abandoned."""
        self._is_lost = True
        self._connections.closed(self)
        for timer in (self._body_timer, self._idle_timer, self._stalled):
            if timer is not None:
                timer.cancel()
        self._requests.clear()
        self._pieces.clear()
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def pause_writing(self) -> None:
        """Called by asyncio when the client does not read as fast as responses are written."""
        super().pause_writing()
        self._stalled = asyncio.get_running_loop().call_later(STALLED_SECONDS, self._transport.abort)

    def resume_writing(self) -> None:
        """Called by asyncio when the client has read enough."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def eof_received(self) -> bool:
        """Called by asyncio when the client sends nothing more. Returns whether the connection stays open."""
        if self._is_busy:
            self._ends = True
            return True
        if self._request is not None and not self._ends:
            self._refuse(400, "The request is not complete.")
        return False

    def close(self) -> None:
        """Close the connection since the server stops."""
        self._transport.close()

    def _watch_idleness(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._last_active + IDLE_SECONDS - loop.time() if self._last_active else IDLE_SECONDS
        if left <= 0 and not self._is_busy:
            self._transport.abort()
        else:
            self._idle_timer = loop.call_later(left if left > 0 else IDLE_SECONDS, self._watch_idleness)

    # -- reading

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._ends:
            return
        if self._in_body:
            self._received_for_body += len(data)
        else:
            self._received += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            # What follows the last request of a connection is no error.
            if not self._ends:
                self._report(f"http: {error}", False)
                self._refuse(400, "The request is not valid HTTP.")
                return
        if self._request is not None and not self._ends:
            if not self._in_body and self._received > MAX_HEAD_BYTES:
                self._refuse(431, f"The head of a request may have up to {MAX_HEAD_BYTES} bytes.")
            elif self._received_for_body > _MAX_TRANSFER_BYTES:
                self._refuse_size()
            elif self._in_body and self._body_timer is None:
                self._body_timer = asyncio.get_running_loop().call_later(BODY_SECONDS, self._body_is_late)
        self._work()

    def _parse(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                request = self._request
                if request is None or request.method == b"CONNECT":
                    self._refuse(405, "CONNECT is not supported.")
                    return
                # httptools leaves the rest of the connection to the new protocol. None is supported, so the request is
                # read again as one without an upgrade.
                self._parser = httptools.HttpRequestParser(self)
                self._is_read_again = True
                data = request.head_without_upgrade() + data[upgrade.args[0] :]
            else:
                return

    def on_message_begin(self) -> None:
        """Called by httptools."""
        self._request = Request()
        self._in_body = False
        self._chunks = []

    def on_url(self, url: bytes) -> None:
        """Called by httptools with the target or a part of it."""
        assert self._request is not None
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by httptools, also for the fields after a chunked body, which are ignored."""
        assert self._request is not None
        if not self._in_body:
            self._request.add(name, value)

    def on_headers_complete(self) -> None:
        """Called by httptools."""
        request = self._request
        assert request is not None
        is_read_again, self._is_read_again = self._is_read_again, False
        request.method = self._parser.get_method()
        request.version = self._parser.get_http_version()
        self._in_body = True
        self._received = self._received_for_body = 0
        if int(request.headers.get(b"content-length", 0)) > MAX_BODY_BYTES:
            self._refuse_size()
        elif request.expects_continue and not self._is_busy and not is_read_again:
            self._send(CONTINUE)

    def on_body(self, chunk: bytes) -> None:
        """Called by httptools with a part of the body."""
        if self._ends:
            return
        self._received += len(chunk)
        self._chunks.append(chunk)
        if self._received > MAX_BODY_BYTES:
            self._refuse_size()

    def on_message_complete(self) -> None:
        """Called by httptools."""
        if self._parser.should_upgrade():
            return
        request = self._request
        self._request, self._in_body, self._received, self._received_for_body = None, False, 0, 0
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        if request is None or self._ends:
            return
        request.keep_alive = self._parser.should_keep_alive()
        request.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = []
        self._connections.mark_active(self)
        self._last_active = asyncio.get_running_loop().time()
        self._ends = not request.keep_alive
        self._requests.append(request)

    def _body_is_late(self) -> None:
        self._body_timer = None
        if not self._ends:
            self._refuse(408, f"A request must arrive within {BODY_SECONDS:g} seconds.")

    def _refuse_size(self) -> None:
        self._refuse(413, f"A request may have up to {MAX_BODY_BYTES} bytes.")

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer a request that cannot be read, after those before it, and read no more."""
        self._ends = self._lingers = True
        refused = Request()
        refused.method, refused.target = b"", f"{status} {sentence}".encode()
        self._requests.append(refused)
        self._work()

    # -- answering

    @property
    def _is_busy(self) -> bool:
        return self._current is not None or bool(self._requests)

    def _work(self) -> None:
        """Answer what was read, for the time of one slice."""
        if self._is_scheduled or self._is_lost:
            return
        end = slice_end()
        while self._is_busy and not self._is_blocked:
            if not self._advance(end):
                return
            if self._is_busy and perf_counter() > end:
                self._continue_later()
                return
        if self._is_blocked:
            return
        if self._ends:
            self._finish()
        else:
            self._transport.resume_reading()

    def _advance(self, end: float) -> bool:
        """Answer the next request, or a part of it. Returns False if the slice has ended before."""
        if self._pieces:
            self._send(self._pieces.popleft())
            if not self._pieces:
                self._current = None
            return True
        if self._steps is not None:
            return self._run_steps(self._steps, end)
        self._current = self._requests.popleft()
        answer = self._answered(self._current)
        if isinstance(answer, bytes):
            self._send(answer)
            self._current = None
            return True
        self._steps = answer
        return self._run_steps(answer, end)

    def _answered(self, request: Request) -> bytes | Steps:
        if not request.method:
            status, _, sentence = request.target.partition(b" ")
            return head(int(status), len(sentence) + 1, TEXT, connection=b"close") + sentence + b"\n"
        try:
            return self._answer(request)
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception) -> bytes:
        self._report(f"http: internal error: {type(error).__name__}: {error}", True)
        self._ends = True
        return head(500, 0, connection=b"close")

    def _run_steps(self, steps: Steps, end: float) -> bool:
        try:
            while True:
                next(steps)
                if perf_counter() > end:
                    self._continue_later()
                    return False
        except StopIteration as stop:
            self._pieces.extend(stop.value)
        except Exception as error:
            self._pieces.append(self._failed(error))
        self._steps = None
        return True

    def _finish(self) -> None:
        """Close the connection once the client has received everything."""
        if self._is_finished:
            return
        self._is_finished = True
        if not self._lingers:
            self._transport.close()
        elif not self._transport.is_closing():
            # A client that still sends would be reset before it has read the response.
            self._transport.write_eof()
            self._transport.resume_reading()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)
