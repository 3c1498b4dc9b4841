"""WebSockets, with the proxies, certificates and errors of the HTTP transport."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode
from websockets.sync.client import ClientConnection, connect

from psyche_cli import __version__
from psyche_cli.errors import BadRpcResponse, HttpStatusError, NetworkError, TimedOut, Unreachable, UsageError
from psyche_cli.solana.endpoints import as_http_url, check_websocket_url, endpoint_label
from psyche_cli.solana.rpc.deadline import in_seconds
from psyche_cli.solana.rpc.http import reason_of
from psyche_cli.solana.rpc.http_connection import Connections

if TYPE_CHECKING:
    from typing import TypeAlias

CONNECT_SECONDS: Final = 10.0
LARGEST_MESSAGE: Final = 1024 * 1024
"""In bytes. A coordinator account takes 160 KB in base64."""

_CLOSE_SECONDS: Final = 0.5
_QUEUED_MESSAGES: Final = 64
"""Messages read ahead; the rest waits in the sockets, until the server gives up."""

_SILENT: Final = logging.getLogger(__name__)
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

_Outcome: TypeAlias = "ClientConnection | Exception"


class ClientWebSocket:
    """A WebSocket to a server. Its messages are read by a thread, up to a limit."""

    def __init__(self, connection: ClientConnection, label: str) -> None:
        self._connection = connection
        self._label = label

    @property
    def label(self) -> str:
        """Scheme, host and port of the server."""
        return self._label

    def send(self, text: str) -> None:
        """Send a text message. Raises Unreachable."""
        try:
            self._connection.send(text)
        except ConnectionClosed as error:
            raise self._lost(error) from error

    def receive(self, timeout: float) -> str | None:
        """The next text message, or None if none arrives within ``timeout`` seconds.

        Raises Unreachable once the connection is closed, BadRpcResponse for a message that is not text.
        """
        try:
            message = self._connection.recv(timeout)
        except TimeoutError:
            return None
        except ConnectionClosed as error:
            raise self._lost(error) from error
        if isinstance(message, bytes):
            raise BadRpcResponse(f"A message from {self._label} is not text.", endpoint=self._label)
        return message

    def ping(self, timeout: float) -> bool:
        """Whether the server answers a ping within ``timeout`` seconds. Raises Unreachable."""
        try:
            return self._connection.ping().wait(timeout)
        except ConnectionClosed as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the connection; waits for the server for at most half a second."""
        self._connection.close()

    def _lost(self, error: ConnectionClosed) -> Unreachable:
        reason = "closed by the endpoint"
        if error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
            reason = f"a message is larger than {LARGEST_MESSAGE} bytes"
        return Unreachable(
            f"The connection to {self._label} was lost: {reason}.", endpoint=self._label, request_sent=True
        )


def open_websocket(url: str, variables: Mapping[str, str], *, timeout: float = CONNECT_SECONDS) -> ClientWebSocket:
    """Connect to a ws or wss URL within ``timeout`` seconds of wall-clock time.

    Proxies and certificates are taken from ``variables`` as by HttpTransport. Redirects are not followed. Raises
    UsageError for an invalid URL or variable, Unreachable, TimedOut, HttpStatusError.
    """
    label = endpoint_label(check_websocket_url(url))
    try:
        connections = Connections(as_http_url(url), variables, tunnel=True)
    except (ValueError, OSError) as error:
        raise UsageError(
            f"Cannot set up a connection to {label}: invalid URL, proxy or certificate settings.",
            hint="Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY (http:// proxies only), SSL_CERT_FILE and SSL_CERT_DIR.",
        ) from error
    # A DNS lookup has no timeout and cannot be interrupted, so a thread connects, which is abandoned after the timeout.
    outcomes: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()
    abandoned = threading.Event()

    def run() -> None:
        outcome = _connected(url, connections, timeout)
        outcomes.put(outcome)
        if abandoned.is_set() and not isinstance(outcome, Exception):
            outcome.close()

    threading.Thread(target=run, daemon=True, name="websocket-connect").start()
    try:
        outcome = outcomes.get(timeout=timeout)
    except queue.Empty:
        abandoned.set()
        outcome = TimeoutError()
    if isinstance(outcome, Exception):
        raise _translated(outcome, label, timeout) from outcome
    return ClientWebSocket(outcome, label)


def _connected(url: str, connections: Connections, timeout: float) -> _Outcome:
    http_url = as_http_url(url)
    headers = dict(connections.headers)
    host = headers.pop("Host")
    try:
        socket = connections.open(timeout / 2).detach()
        return connect(
            # TLS is already established, so that this library must not do it again.
            f"ws://{host}{connections.target(http_url)}",
            sock=socket,
            additional_headers=headers,
            user_agent_header=f"psyche-cli/{__version__}",
            compression=None,
            open_timeout=timeout / 2,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            max_size=LARGEST_MESSAGE,
            max_queue=_QUEUED_MESSAGES,
            logger=_SILENT,
        )
    except Exception as error:
        return error


def _translated(error: Exception, label: str, timeout: float) -> NetworkError:
    if isinstance(error, TimeoutError):
        return TimedOut(
            f"Could not connect to {label} within {in_seconds(timeout)}.", endpoint=label, request_sent=False
        )
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return HttpStatusError(
            f"{label} responded to a WebSocket request with HTTP status {status}.", endpoint=label, status=status
        )
    reason = "the server does not speak WebSocket" if isinstance(error, InvalidHandshake) else reason_of(error)
    return Unreachable(f"Cannot connect to {label}: {reason}.", endpoint=label, request_sent=False)
