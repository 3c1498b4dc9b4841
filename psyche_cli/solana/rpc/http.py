"""HTTP transport for JSON-RPC, which translates the exceptions of sockets and http.client to NetworkErrors."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from http.client import BadStatusLine, HTTPException, HTTPResponse, RemoteDisconnected
from typing import TypeAlias

from psyche_cli import __version__
from psyche_cli.errors import BadRpcResponse, HttpStatusError, PsycheError, TimedOut, Unreachable, UsageError
from psyche_cli.solana.endpoints import check_rpc_url, endpoint_label
from psyche_cli.solana.rpc.deadline import in_seconds
from psyche_cli.solana.rpc.http_body import ACCEPTED_CODINGS, DecompressionError, unpacked_pieces
from psyche_cli.solana.rpc.http_connection import Connection, Connections

LARGEST_ANSWER = 64 * 1024 * 1024

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": ACCEPTED_CODINGS,
    "User-Agent": f"psyche-cli/{__version__}",
}
_CONNECT_HINT = "Check the URL, and that the endpoint is running."
_STATUS_HINTS = {
    401: "The endpoint requires an access key.",
    403: "The access key is missing or invalid, or the endpoint does not allow this request.",
    404: "Check the path of the URL.",
    405: "Check that the URL is a JSON-RPC endpoint.",
    429: "The endpoint's rate limit was exceeded. Wait, or use another endpoint.",
    502: "The endpoint is overloaded or down. Wait, or use another endpoint.",
    503: "The endpoint is overloaded or down. Wait, or use another endpoint.",
    504: "The endpoint is overloaded or down. Wait, or use another endpoint.",
}

Waiting: TypeAlias = Callable[[Callable[[float], bool], float], bool]
"""Waits until a function returns True, for at most a number of seconds; returns whether it did."""


def just_wait(finishes: Callable[[float], bool], seconds: float) -> bool:
    """Wait without doing anything else."""
    return finishes(seconds)


class HttpTransport:
    """One RPC endpoint over HTTP/1.1 with persistent connections. Thread-safe.

    Proxies and trusted certificates are taken from the usual environment ``variables``; an endpoint on this machine is
    never accessed through a proxy. ``wait`` waits for a response. Raises UsageError for an invalid URL or an invalid
    variable.
    """

    def __init__(self, url: str, variables: Mapping[str, str] = os.environ, wait: Waiting = just_wait) -> None:
        self._label = endpoint_label(check_rpc_url(url))
        self._wait = wait
        try:
            self._connections = Connections(url, variables)
            self._target = self._connections.target(url)
        except UnicodeError as error:
            raise UsageError(f"The RPC URL of {self._label} is not valid.") from error
        except (ValueError, OSError) as error:
            # The value of the variable may contain a password.
            raise UsageError(
                f"Cannot set up a connection to {self._label}: invalid proxy or certificate settings.",
                hint="Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY (http:// proxies only), SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from error

    @property
    def label(self) -> str:
        """Scheme, host and port of the endpoint."""
        return self._label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        """Post a JSON-RPC request body and return the response body, at most 64 MiB.

        ``timeout`` is in seconds of wall-clock time, from the DNS lookup to the last byte. A socket timeout limits only
        one operation, and a DNS lookup has none, so an endpoint that trickles bytes could block a caller forever. The
        exchange therefore runs in a separate thread, which is abandoned after the timeout.

        Raises Unreachable or TimedOut, both with ``request_sent`` False if the endpoint definitely never received the
        request; HttpStatusError; BadRpcResponse for a response that is too large or cannot be decompressed.
        """
        exchange = _Exchange()
        thread = threading.Thread(target=self._run, args=(exchange, body, timeout), daemon=True, name="rpc-exchange")
        try:
            thread.start()
        except RuntimeError as error:
            raise Unreachable(
                f"Cannot query {self._label}: the operating system refused to start another thread.",
                hint="Stop other processes, or raise the process limit (ulimit -u).",
                endpoint=self._label,
                request_sent=False,
            ) from error
        try:
            self._wait(exchange.is_finished_within, timeout)
        finally:  # also after Ctrl-C
            finished = exchange.end_waiting()
        if not finished:
            raise self._timed_out(exchange)
        if exchange.error is not None:
            raise exchange.error
        return bytes(exchange.answer)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _run(self, exchange: _Exchange, body: bytes, timeout: float) -> None:
        try:
            self._exchange(exchange, body, timeout)
        except PsycheError as error:
            exchange.error = error
        except Exception as error:
            exchange.error = self._translated(error, exchange)
        finally:
            exchange.finish()

    def _exchange(self, exchange: _Exchange, body: bytes, timeout: float) -> None:
        connections = self._connections
        connection = connections.take() or connections.open(_connect_seconds(timeout))
        keep = False
        try:
            if not exchange.begin_sending(connection):
                return
            headers = {**connections.headers, **_HEADERS}
            response = connection.request("POST", self._target, body, headers, timeout=timeout)
            with response:
                if response.status != _OK:
                    raise self._status_error(response)
                for piece in unpacked_pieces(response):
                    exchange.answer += piece
                    if len(exchange.answer) > LARGEST_ANSWER:
                        raise BadRpcResponse(
                            f"The response from {self._label} is larger than {LARGEST_ANSWER} bytes.",
                            endpoint=self._label,
                        )
            keep = not response.will_close
        finally:
            exchange.end_receiving()
            if keep:
                connections.keep(connection)
            else:
                connection.close()

    def _status_error(self, response: HTTPResponse) -> HttpStatusError:
        status = response.status
        hint = _STATUS_HINTS.get(status, "")
        if status in _REDIRECTS and "location" in response.headers:
            hint = "Redirects are not followed. Use the final URL."
        return HttpStatusError(
            f"{self._label} responded with HTTP status {status} {response.reason}".rstrip() + ".",
            hint=hint,
            endpoint=self._label,
            status=status,
            retry_after=whole_seconds(response.headers.get("retry-after", "")),
        )

    def _translated(self, error: Exception, exchange: _Exchange) -> PsycheError:
        """Translate an exception of sockets, TLS, http.client or decompression."""
        label = self._label
        if isinstance(error, DecompressionError):
            return BadRpcResponse(f"The response from {label} could not be decompressed.", endpoint=label)
        if isinstance(error, TimeoutError):
            return self._timed_out(exchange)
        reason = reason_of(error)
        if not exchange.sending:
            return Unreachable(
                f"Cannot connect to {label}: {reason}.", hint=_CONNECT_HINT, endpoint=label, request_sent=False
            )
        return Unreachable(f"The connection to {label} was lost: {reason}.", endpoint=label, request_sent=True)

    def _timed_out(self, exchange: _Exchange) -> TimedOut:
        label = self._label
        elapsed = in_seconds(time.monotonic() - exchange.started)
        if exchange.sending:
            return TimedOut(f"No response from {label} within {elapsed}.", endpoint=label, request_sent=True)
        return TimedOut(
            f"Could not connect to {label} within {elapsed}.",
            hint=_CONNECT_HINT,
            endpoint=label,
            request_sent=False,
        )


class _Exchange:
    """The state shared by a caller and the thread that performs its request.

    The thread writes it; the caller reads it after ``end_waiting``. ``sending`` is True if the request may have been
    sent. ``started`` is the start in seconds of ``time.monotonic``.
    """

    def __init__(self) -> None:
        self.answer = bytearray()
        self.error: PsycheError | None = None
        self.sending = False
        self.started = time.monotonic()
        self._connection: Connection | None = None
        self._abandoned = False
        self._finished = False
        self._changed = threading.Condition()

    def begin_sending(self, connection: Connection) -> bool:
        """Called by the thread before the first byte; False if the caller has given up."""
        with self._changed:
            self.sending = not self._abandoned
            self._connection = connection
            return self.sending

    def end_receiving(self) -> None:
        """Called by the thread before the connection is released for another exchange."""
        with self._changed:
            self._connection = None

    def finish(self) -> None:
        """Called by the thread when it is done."""
        with self._changed:
            self._finished = True
            self._changed.notify()

    def is_finished_within(self, seconds: float) -> bool:
        """Called by the caller; whether the exchange is finished, after waiting for at most ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._finished, seconds)

    def end_waiting(self) -> bool:
        """Called by the caller; whether the exchange is finished.

        Otherwise it is abandoned: a request that has not been sent by then never is.
        """
        with self._changed:
            self._abandoned = not self._finished
            if self._abandoned and self._connection is not None:
                self._connection.abort()
            return self._finished


def reason_of(error: Exception) -> str:
    """Why a connection failed or was lost, as a clause without a period, for an exception of sockets or http.client."""
    if isinstance(error, BadStatusLine) and not isinstance(error, RemoteDisconnected):
        return "the response is not HTTP"
    if isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected):
        return f"the response was truncated or is not HTTP ({type(error).__name__})"
    return str(error).rstrip(".") or type(error).__name__


def _connect_seconds(timeout: float) -> float:
    """The connect timeout, which is shorter than the total ``timeout`` of a request."""
    return min(timeout / 2, 5.0)


def whole_seconds(text: str) -> int | None:
    """The seconds of a Retry-After header; None if it is missing or a date."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
