"""Persistent HTTP/1.1 connections to one host, directly or through a proxy."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection, parse_headers
from typing import cast
from urllib.parse import SplitResult, quote, urlsplit

from psyche_cli.solana.endpoints import is_loopback
from psyche_cli.solana.rpc.proxies import basic_authorization, proxy_for

_LONGEST_IDLE_SECONDS = 5.0
"""Servers close idle connections; whether a request sent at that moment was processed is then unknown."""

_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class _FinalResponse(HTTPResponse):
    """The final response. All interim responses are skipped, such as 102 Processing and 103 Early Hints; http.client
    skips only 100 Continue. A 101 is treated as final, since no protocol upgrade is ever requested."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
            if not 101 < status < 200:
                return version, status, reason
            parse_headers(self.fp)


class _PlainConnection(HTTPConnection):
    """HTTP without TLS."""

    def connect(self) -> None:
        """Connect, passing the host as bytes: for a ``str``, Python would import its codec for internationalized
        names."""
        address = (self.host.encode("ascii"), self.port)
        self.sock = socket.create_connection(address, self.timeout)  # type: ignore[arg-type]  # bytes are allowed
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Connection:
    """An open connection. Not thread-safe, except for ``abort``."""

    def __init__(self, http: HTTPConnection) -> None:
        self._http = http
        # HTTPConnection drops its reference when the server announces that it will close the connection.
        self._socket: socket.socket = http.sock
        self.idle_since = 0.0

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        *,
        timeout: float,
    ) -> HTTPResponse:
        """Send a request and return the response after its headers have been read.

        A body in pieces needs the header ``Content-Length``. A server that rejects a request before it has received
        the whole body closes the connection; its response is then returned too. ``timeout``, in seconds, limits each
        socket operation.
        """
        self._socket.settimeout(timeout)
        try:
            self._http.request(method, target, body, dict(headers))
        except (BrokenPipeError, ConnectionResetError):
            if body is None or isinstance(body, bytes):
                raise
        return self._http.getresponse()

    @property
    def is_reusable(self) -> bool:
        """Whether an idle connection can be reused: the server has neither closed it nor sent unsolicited data."""
        if self._http.sock is None or time.monotonic() - self.idle_since > _LONGEST_IDLE_SECONDS:
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def abort(self) -> None:
        """Make a pending operation in any thread fail immediately."""
        with suppress(OSError):
            # SSLSocket.shutdown is not safe to call from another thread.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def detach(self) -> socket.socket:
        """The socket, without a timeout, for another protocol. The connection can no longer be used.

        One thread may read from it while another one writes. With TLS, it has only the methods of SharedTlsSocket.
        """
        if isinstance(self._socket, ssl.SSLSocket):
            from psyche_cli.solana.rpc.http_tls import SharedTlsSocket

            return cast("socket.socket", SharedTlsSocket(self._socket))
        self._socket.settimeout(None)
        return self._socket

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
        self._socket.close()


class Connections:
    """A pool of connections to the host of an http or https ``url``. Thread-safe.

    ``variables`` are the environment variables for proxies (not used for a host on this machine) and for trusted
    certificates. A proxy forwards requests to an http URL, unless ``tunnel`` is set: then it passes on all bytes, as
    always for https. Raises ValueError or OSError if a required one is invalid, UnicodeError for an invalid host name.
    """

    def __init__(self, url: str, variables: Mapping[str, str], *, tunnel: bool = False) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        self._host = host if host.isascii() else host.encode("idna").decode("ascii")
        default_port = 443 if parts.scheme == "https" else 80
        self._port = default_port if parts.port is None else parts.port
        self._proxy = None if is_loopback(url) else proxy_for(parts, variables)
        self._tls = _tls_context(variables) if parts.scheme == "https" else None
        self.headers = {"Host": _authority(parts, self._host)}
        authorization = basic_authorization(parts)
        if authorization:
            self.headers["Authorization"] = authorization
        self._tunnels = tunnel or self._tls is not None
        if self._proxy is not None and not self._tunnels and self._proxy.authorization:
            self.headers["Proxy-Authorization"] = self._proxy.authorization
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    def target(self, url: str) -> str:
        """The request target of a URL of this host: its path and query, or for a plain HTTP proxy, the whole URL."""
        target = _target(urlsplit(url))
        is_for_proxy = self._proxy is not None and not self._tunnels
        return f"http://{self.headers['Host']}{target}" if is_for_proxy else target

    def take(self) -> Connection | None:
        """A reusable idle connection, or None. Raises OSError after ``close``."""
        with self._lock:
            if self._closed:
                raise OSError("closed by the endpoint")
            while self._idle:
                connection = self._idle.pop()
                if connection.is_reusable:
                    return connection
                connection.close()
        return None

    def open(self, timeout: float) -> Connection:
        """A new connection. ``timeout``, in seconds, limits each step: each address of the host, the proxy, TLS.

        Raises OSError, including TimeoutError and ssl.SSLError.
        """
        host, port = (self._host, self._port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        is_tunnel = self._proxy is not None and self._tunnels
        if self._tls is None:
            kind = HTTPConnection if is_tunnel else _PlainConnection
            http: HTTPConnection = kind(host, port, timeout=timeout)
        else:
            http = HTTPSConnection(host, port, timeout=timeout, context=self._tls)
        if self._proxy is not None and self._tunnels:
            authorization = self._proxy.authorization
            http.set_tunnel(self._host, self._port, {"Proxy-Authorization": authorization} if authorization else {})
        http.response_class = _FinalResponse
        try:
            http.connect()
        except BaseException:
            http.close()
            raise
        return Connection(http)

    def keep(self, connection: Connection) -> None:
        """Return a connection to the pool after its response has been read completely."""
        connection.idle_since = time.monotonic()
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections, and later each connection that is returned to the pool."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def _tls_context(variables: Mapping[str, str]) -> ssl.SSLContext:
    """A context that verifies certificates against SSL_CERT_FILE and SSL_CERT_DIR if set, else certifi's bundle.

    (OpenSSL's default paths contain no certificates on macOS.)
    """
    file, folder = variables.get("SSL_CERT_FILE") or None, variables.get("SSL_CERT_DIR") or None
    if file is None and folder is None:
        import certifi

        file = certifi.where()
    context = ssl.create_default_context(cafile=file, capath=folder)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _target(parts: SplitResult) -> str:
    path = quote(parts.path, safe=_ASCII) or "/"
    return f"{path}?{quote(parts.query, safe=_ASCII)}" if parts.query else path


def _authority(parts: SplitResult, host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port is None else f"{shown}:{parts.port}"
