"""WebSockets to real servers, honest and broken, with proxies, TLS and deadlines."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websocket

from psyche_cli.errors import BadRpcResponse, HttpStatusError, TimedOut, Unreachable, UsageError
from psyche_cli.solana.endpoints import as_http_url, check_websocket_url, websocket_url
from psyche_cli.solana.rpc.http_tls import SharedTlsSocket
from psyche_cli.solana.rpc.websocket import LARGEST_MESSAGE, open_websocket
from tests.solana.http_servers import Serve, self_signed_certificate
from tests.support.patience import PATIENCE

Talk = Callable[[ServerConnection], None]


def read_head(connection: socket.socket) -> bytes:
    """The head of a request without a body."""
    data = b""
    while b"\r\n\r\n" not in data and (more := connection.recv(65536)):
        data += more
    return data


def with_status(status: str) -> Callable[[socket.socket, threading.Event], None]:
    """A server that responds to a request with an HTTP status."""

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        read_head(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n".encode())

    return talk


class Accepted(ServerConnection):
    """The server reads and writes in different threads too."""

    def __init__(self, accepted: Any, *arguments: Any, **options: Any) -> None:
        shared: Any = SharedTlsSocket(accepted) if isinstance(accepted, ssl.SSLSocket) else accepted
        super().__init__(shared, *arguments, **options)


@contextmanager
def speaking(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The host and port of a WebSocket server that handles every connection with ``talk``."""
    with serve_websocket(talk, "127.0.0.1", 0, ssl=tls, max_size=None, create_connection=Accepted) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def test_messages_pings_and_the_end() -> None:
    seen: list[Any] = []
    ended = threading.Event()

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.append((connection.request.path, connection.request.headers))
        echo(connection)
        ended.set()

    with speaking(talk) as host:
        websocket = open_websocket(f"ws://user:SECRET@{host}/SECRET?key=SECRET", {})
        assert websocket.label == f"ws://{host}"
        assert websocket.receive(0.0) is None
        websocket.send("one")
        assert websocket.receive(PATIENCE) == "one"
        assert websocket.ping(PATIENCE)
        websocket.close()
        assert ended.wait(PATIENCE)
    [(path, headers)] = seen
    assert path == "/SECRET?key=SECRET"
    assert headers["Host"] == host
    assert headers["Authorization"] == f"Basic {base64.b64encode(b'user:SECRET').decode()}"
    assert headers["User-Agent"].startswith("psyche-cli/")


def test_tls_with_the_trusted_certificates_of_the_environment(tmp_path: Path) -> None:
    certificate = self_signed_certificate(tmp_path / "certificate.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with speaking(echo, tls) as host:
        url = f"wss://{host}"
        with closing(open_websocket(url, {"SSL_CERT_FILE": str(certificate)})) as websocket:
            websocket.send("one")
            assert websocket.receive(PATIENCE) == "one"
        with pytest.raises(Unreachable, match=f"Cannot connect to {url}: .*certificate"):
            open_websocket(url, {})


def test_what_arrives_with_the_first_message_does_not_block_it(tmp_path: Path) -> None:
    """A thread reads what ends the TLS handshake, here many session tickets, while another one sends the request."""
    certificate = self_signed_certificate(tmp_path / "certificate.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    tls.num_tickets = 200
    with speaking(echo, tls) as host:
        for _ in range(5):
            with closing(open_websocket(f"wss://{host}", {"SSL_CERT_FILE": str(certificate)})) as websocket:
                websocket.send("one")
                assert websocket.receive(PATIENCE) == "one"


def test_what_is_too_large_or_not_text() -> None:
    def talk(connection: ServerConnection) -> None:
        connection.send(b"bytes")
        connection.send("x" * LARGEST_MESSAGE)
        connection.send("x" * (LARGEST_MESSAGE + 1))

    with speaking(talk) as host, closing(open_websocket(f"ws://{host}", {})) as websocket:
        with pytest.raises(BadRpcResponse, match="is not text"):
            websocket.receive(PATIENCE)
        assert len(websocket.receive(PATIENCE) or "") == LARGEST_MESSAGE
        with pytest.raises(Unreachable, match=f"was lost: a message is larger than {LARGEST_MESSAGE} bytes"):
            websocket.receive(PATIENCE)


def test_a_connection_that_the_server_closes() -> None:
    with speaking(lambda connection: connection.close()) as host:
        websocket = open_websocket(f"ws://{host}/SECRET", {})
        message = f"The connection to ws://{host} was lost: closed by the endpoint."
        for use in (lambda: websocket.receive(PATIENCE), lambda: websocket.send("x"), lambda: websocket.ping(1.0)):
            with pytest.raises(Unreachable) as caught:
                use()
            assert str(caught.value) == message
        websocket.close()
        websocket.close()


@pytest.mark.parametrize("status", ["404 Not Found", "301 Moved", "200 OK", "429 Too Many Requests"])
def test_a_server_without_websockets(serve: Serve, status: str) -> None:
    url = serve(with_status(status)).replace("http", "ws", 1)
    with pytest.raises(HttpStatusError, match=f"WebSocket request with HTTP status {status[:3]}") as caught:
        open_websocket(url, {})
    assert caught.value.status == int(status[:3])
    assert "SECRET" not in str(caught.value)


def test_a_server_that_speaks_another_protocol(serve: Serve) -> None:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        read_head(connection)
        connection.sendall(b"220 mail.example\r\n")

    url = serve(talk).replace("http", "ws", 1)
    with pytest.raises(Unreachable, match="the server does not speak WebSocket") as caught:
        open_websocket(url, {})
    assert "SECRET" not in str(caught.value)


def test_refused_connections() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match=f"Cannot connect to ws://127.0.0.1:{port}: .*refused"):
        open_websocket(f"ws://127.0.0.1:{port}", {})


def test_a_server_that_does_not_respond(serve: Serve) -> None:
    def talk(_: socket.socket, stop: threading.Event) -> None:
        stop.wait(PATIENCE)

    url = serve(talk).replace("http", "ws", 1)
    with pytest.raises(TimedOut, match=r"Could not connect to ws://127\.0\.0\.1:\d+ within 0\.4 seconds"):
        open_websocket(url, {}, timeout=0.4)


def test_a_connection_that_is_established_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, may_connect = threading.Event(), threading.Event()

    class Late:
        def close(self) -> None:
            closed.set()

    def connect(*_: object) -> Late:
        may_connect.wait(PATIENCE)
        return Late()

    monkeypatch.setattr("psyche_cli.solana.rpc.websocket._connected", connect)
    with pytest.raises(TimedOut):
        open_websocket("ws://127.0.0.1:9", {}, timeout=0.0)
    may_connect.set()
    assert closed.wait(PATIENCE)


@pytest.mark.parametrize("credentials", ["", "user:SECRET@"])
def test_a_proxy_tunnels_to_the_server(serve: Serve, credentials: str) -> None:
    heads: list[bytes] = []

    def tunnel(connection: socket.socket, stop: threading.Event) -> None:
        heads.append(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        heads.append(read_head(connection))

    proxy = serve(tunnel).partition("/SECRET")[0].replace("http://", f"http://{credentials}")
    with pytest.raises(Unreachable):
        open_websocket("ws://chain.invalid:8900/x", {"HTTP_PROXY": proxy})
    assert heads[0].startswith(b"CONNECT chain.invalid:8900 ")
    assert (b"Proxy-Authorization: Basic" in heads[0]) is bool(credentials)
    assert heads[1].startswith(b"GET /x HTTP/1.1\r\nHost: chain.invalid:8900\r\n")
    assert b"Proxy-Authorization" not in heads[1]


def test_invalid_settings() -> None:
    with pytest.raises(UsageError, match=r"Cannot set up a connection to ws://chain\.invalid"):
        open_websocket("ws://chain.invalid/SECRET", {"HTTP_PROXY": "socks5://127.0.0.1:1"})
    with pytest.raises(UsageError, match="must start with ws:// or wss://"):
        open_websocket("http://chain.invalid", {})


@pytest.mark.parametrize(
    ("rpc", "websocket"),
    [
        ("http://127.0.0.1:8899", "ws://127.0.0.1:8900"),
        ("http://localhost:8899/a?b=c", "ws://localhost:8900/a?b=c"),
        ("https://api.devnet.solana.com", "wss://api.devnet.solana.com"),
        ("https://user:p@h.example/KEY", "wss://user:p@h.example/KEY"),
        ("https://h.example:443/KEY", "wss://h.example/KEY"),
        ("http://h.example:443", "ws://h.example:444"),
        ("http://h.example:80", "ws://h.example"),
        ("http://[::1]:8899", "ws://[::1]:8900"),
        ("http://[::1]", "ws://[::1]"),
        ("http://h.example:08899", "ws://h.example:8900"),
    ],
)
def test_the_url_that_belongs_to_an_rpc_url(rpc: str, websocket: str) -> None:
    assert websocket_url(rpc) == websocket
    assert check_websocket_url(websocket) == websocket


def test_other_forms_of_a_websocket_url() -> None:
    assert as_http_url("wss://h.example/x") == "https://h.example/x"
    assert as_http_url("ws://h.example:1") == "http://h.example:1"
    with pytest.raises(UsageError, match="The PubSub URL has no host"):
        check_websocket_url("ws://")
