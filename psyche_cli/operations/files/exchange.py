"""HTTP requests to the file service and to its storage.

Uses the same connections, proxies and certificates as the RPC client. Bodies are streamed. Redirects are not followed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Final
from urllib.parse import urlsplit

from psyche_cli import __version__
from psyche_cli.environment import Clock
from psyche_cli.errors import BadServiceResponse, HttpStatusError, PsycheError, TimedOut, Unreachable, UsageError
from psyche_cli.solana.endpoints import endpoint_label
from psyche_cli.solana.rpc.http import reason_of, whole_seconds
from psyche_cli.solana.rpc.http_body import unpacked_pieces
from psyche_cli.solana.rpc.http_connection import Connection, Connections

CONNECT_SECONDS: Final = 10.0
"""Time to connect, including the DNS lookup."""

SLOWEST: Final = 10_000
"""A body may take one second per this many bytes, in addition to the time for the response's headers."""

HEADERS_SECONDS: Final = 60.0
"""Time until the headers of a response are complete, in addition to the time for the request's body."""

_UNKNOWN_SIZE: Final = 36_000_000
"""Size that is assumed for a response without a length, in bytes."""


class Answer:
    """A response whose headers have been read. ``label`` is the scheme, host and port of the server."""

    def __init__(self, response: HTTPResponse, label: str, watch: _Watch, clock: Clock) -> None:
        self._response = response
        self._watch = watch
        self._clock = clock
        self.label = label
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    @property
    def length(self) -> int | None:
        """The number of bytes of the body, if the server has announced it."""
        return self._response.length

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces. Raises Unreachable, TimedOut, BadServiceResponse."""
        if self.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadServiceResponse(
                f"{self.label} sent compressed content, which was not requested.", endpoint=self.label
            )
        self._watch.allow(_seconds_for(_UNKNOWN_SIZE if self.length is None else self.length))
        pieces = unpacked_pieces(self._response)
        while True:
            try:
                piece = next(pieces, b"")
            except (OSError, HTTPException, ValueError) as error:
                raise self._watch.failure(error) from error
            if not piece:
                return
            yield piece

    def body(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` bytes."""
        body = bytearray()
        for piece in self.pieces():
            body += piece
            if len(body) > limit:
                raise BadServiceResponse(
                    f"The response from {self.label} is larger than {limit} bytes.", endpoint=self.label
                )
        return bytes(body)

    def failure(self, hint: str = "") -> HttpStatusError:
        """The error for a response with this status. Contains no text of the server, which may repeat the URL."""
        try:
            phrase = f" {HTTPStatus(self.status).phrase}"
        except ValueError:
            phrase = ""
        if 300 <= self.status < 400:
            hint = "Redirects are not followed."
        return HttpStatusError(
            f"{self.label} responded with HTTP status {self.status}{phrase}.",
            hint=hint,
            endpoint=self.label,
            status=self.status,
            retry_after=retry_after_seconds(self.headers.get("retry-after", ""), self._clock.unix_time()),
        )


class FileHttp:
    """Makes requests, one at a time. ``stall_seconds`` is the maximum time without any progress.

    ``report`` receives a line about each request, without the path and query of its URL.
    """

    def __init__(
        self, variables: Mapping[str, str], clock: Clock, report: Callable[[str], None], *, stall_seconds: float
    ) -> None:
        self._variables = variables
        self._clock = clock
        self._report = report
        self._stall_seconds = stall_seconds
        self._servers: dict[str, Connections] = {}

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        *,
        size: int = 0,
    ) -> Iterator[Answer]:
        """Send a request whose body has ``size`` bytes, and yield the response.

        Raises Unreachable and TimedOut, and what the iterable ``body`` raises.
        """
        label = endpoint_label(url)
        server = self._server(url, label)
        started = self._clock.monotonic()
        outcome = "no response"
        connection = server.take() or self._connected(server, label)
        watch = _Watch(connection, label, self._stall_seconds)
        keep = False
        all_headers = {**server.headers, "User-Agent": f"psyche-cli/{__version__}", **headers}
        if body is not None:
            all_headers["Content-Length"] = str(size)
        try:
            watch.allow(_seconds_for(size))
            try:
                response = connection.request(
                    method, server.target(url), body, all_headers, timeout=self._stall_seconds
                )
            except (OSError, HTTPException) as error:
                raise watch.failure(error) from error
            outcome = f"HTTP status {response.status}"
            with response:
                yield Answer(response, label, watch, self._clock)
                keep = response.isclosed() and not response.will_close
        finally:
            watch.end()
            if keep:
                server.keep(connection)
            else:
                connection.close()
            milliseconds = (self._clock.monotonic() - started) * 1000
            self._report(f"{label} {method}: {outcome}, {milliseconds:.0f} ms")

    def close(self) -> None:
        """Close the connections."""
        for server in self._servers.values():
            server.close()

    def _server(self, url: str, label: str) -> Connections:
        if label not in self._servers:
            parts = urlsplit(url)
            try:
                self._servers[label] = Connections(f"{parts.scheme}://{parts.netloc}", self._variables)
            except (ValueError, OSError) as error:
                # The value of the variable may contain a password.
                raise UsageError(
                    f"Cannot set up a connection to {label}: invalid host, proxy or certificate settings.",
                    hint="Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
                ) from error
        return self._servers[label]

    def _connected(self, server: Connections, label: str) -> Connection:
        """A new connection. A DNS lookup cannot be interrupted, so it runs in a thread that is abandoned if late."""
        found: list[Connection] = []
        failures: list[Exception] = []

        def connect() -> None:
            try:
                found.append(server.open(CONNECT_SECONDS))
            except (OSError, HTTPException) as error:
                failures.append(error)

        thread = threading.Thread(target=connect, daemon=True, name="file-connection")
        thread.start()
        thread.join(CONNECT_SECONDS)
        if found:
            return found[0]
        if not failures or isinstance(failures[0], TimeoutError):
            raise TimedOut(
                f"Could not connect to {label} within {CONNECT_SECONDS:g} seconds.", endpoint=label, request_sent=False
            )
        raise Unreachable(f"Cannot connect to {label}: {reason_of(failures[0])}.", endpoint=label, request_sent=False)


class _Watch:
    """Ends a request that takes too long by aborting its connection, even if bytes still arrive."""

    def __init__(self, connection: Connection, label: str, stall_seconds: float) -> None:
        self._connection = connection
        self._label = label
        self._stall_seconds = stall_seconds
        self._allowed = 0.0
        self._timer: threading.Timer | None = None
        self._expired = False

    def allow(self, seconds: float) -> None:
        """Restart the countdown."""
        self.end()
        self._allowed = seconds
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """Stop the countdown."""
        if self._timer is not None:
            self._timer.cancel()

    def failure(self, error: Exception) -> PsycheError:
        """The error for an exception of sockets or http.client."""
        label = self._label
        if self._expired:
            return TimedOut(
                f"The request to {label} did not finish within {self._allowed:.0f} seconds.",
                endpoint=label,
                request_sent=True,
            )
        if isinstance(error, TimeoutError):
            return TimedOut(
                f"Nothing was received from {label} for {self._stall_seconds:g} seconds.",
                hint="--stall-timeout sets this time.",
                endpoint=label,
                request_sent=True,
            )
        return Unreachable(
            f"The connection to {label} was lost: {reason_of(error)}.", endpoint=label, request_sent=True
        )

    def _expire(self) -> None:
        self._expired = True
        self._connection.abort()


def _seconds_for(size: int) -> float:
    return HEADERS_SECONDS + size / SLOWEST


def retry_after_seconds(text: str, now: float) -> int | None:
    """The seconds of a Retry-After header, which may also be a date; None if it is missing or malformed.

    ``now`` is in seconds since 1970.
    """
    seconds = whole_seconds(text)
    if seconds is not None or not text:
        return seconds
    from email.utils import parsedate_to_datetime

    try:
        return max(0, math.ceil(parsedate_to_datetime(text).timestamp() - now))
    except (ValueError, OverflowError):
        return None
