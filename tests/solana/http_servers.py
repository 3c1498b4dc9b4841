"""Loopback servers that respond to HTTP correctly, incorrectly, slowly or not at all, and certificates for them."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from solders.keypair import Keypair

from psyche_cli.errors import NetworkError
from psyche_cli.solana.rpc.http import HttpTransport
from tests.support.patience import PATIENCE

Talk = Callable[[socket.socket, threading.Event], None]
Serve = Callable[[Talk], str]


@contextmanager
def serving() -> Iterator[Serve]:
    """Start servers that handle every connection with a given function in a separate thread, until the block ends."""
    stop = threading.Event()
    threads: list[threading.Thread] = []
    listeners: list[socket.socket] = []

    def start(talk: Talk) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(0.05)
        listeners.append(listener)

        def accept() -> None:
            while not stop.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                thread = threading.Thread(target=converse, args=(connection,))
                threads.append(thread)
                thread.start()

        def converse(connection: socket.socket) -> None:
            connection.settimeout(PATIENCE)
            # The client may go away at any time.
            with closing(connection), suppress(OSError):
                talk(connection, stop)

        threads.append(threading.Thread(target=accept))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/SECRET?key=SECRET"

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    for listener in listeners:
        listener.close()


def read_request(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head and body of one request; both empty if the client closed the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b"", b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    [length] = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < length:
        body += connection.recv(65536)
    return head, body


def answering(payload: bytes, *headers: str, status: str = "200 OK", requests: list[bytes] | None = None) -> Talk:
    """Give the same response to every request of a connection."""

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        while True:
            head, body = read_request(connection)
            if not head:
                return
            if requests is not None:
                requests.append(head + b"\n" + body)
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(payload)}", *headers]
            connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)

    return talk


def raw(answer: bytes) -> Talk:
    """Respond with these bytes and close the connection."""

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(answer)

    return talk


def dripping(head: bytes) -> Talk:
    """Send ``head`` immediately, and then one byte every 20 ms forever."""

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(head)
        while not stop.wait(0.02):
            connection.sendall(b"x")

    return talk


def silent(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait()


def failure_of_a_slow_answer(serve: Serve, talk: Talk) -> tuple[NetworkError, float]:
    """The failure when a server has read the request and then responds too slowly, and the timeout that was too short.

    On a busy machine, a short timeout may expire before the request arrives; then a longer one is tried.
    """
    timeout = 0.2
    while True:
        seen = threading.Event()

        def read_and_talk(connection: socket.socket, stop: threading.Event, seen: threading.Event = seen) -> None:
            read_request(connection)
            seen.set()
            talk(connection, stop)

        error = failure(serve(read_and_talk), timeout=timeout)
        if seen.is_set():
            return error, timeout
        timeout *= 2


def failure(url: str, variables: Mapping[str, str] | None = None, *, timeout: float = PATIENCE) -> NetworkError:
    """The failure of a request, which must not contain the secret parts of the URL."""
    with closing(HttpTransport(url, variables or {})) as transport, pytest.raises(NetworkError) as caught:
        transport.send(b"{}", timeout=timeout)
    error = caught.value
    assert "SECRET" not in f"{error.message} {error.hint} {error.context}"
    return error


def der(tag: int, *parts: bytes) -> bytes:
    """One DER element of fewer than 65,536 bytes."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def pem(kind: str, content: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{base64.b64encode(content).decode()}\n-----END {kind}-----\n"


def self_signed_certificate(path: Path) -> Path:
    """A key and a self-signed Ed25519 certificate for 127.0.0.1, valid 2020 to 2049."""
    keypair = Keypair()
    algorithm = der(0x30, bytes.fromhex("06032b6570"))
    name = der(0x30, der(0x31, der(0x30, bytes.fromhex("0603550403"), der(0x0C, b"127.0.0.1"))))
    validity = der(0x30, der(0x17, b"200101000000Z"), der(0x17, b"491231235959Z"))
    public = der(0x30, algorithm, der(0x03, b"\0", bytes(keypair.pubkey())))
    version = der(0xA0, der(0x02, b"\x02"))
    extensions = der(
        0xA3,
        der(
            0x30,
            extension("551d13", der(0x30, der(0x01, b"\xff")), critical=True),  # basic constraints: an authority
            extension("551d0f", der(0x03, b"\x02\x84"), critical=True),  # key usage: signatures, certificates
            extension("551d0e", der(0x04, hashlib.sha1(bytes(keypair.pubkey())).digest())),  # subject key identifier
            extension("551d11", der(0x30, der(0x87, socket.inet_aton("127.0.0.1")))),  # subject alternative name
        ),
    )
    content = der(0x30, version, der(0x02, b"\x01"), algorithm, name, validity, name, public, extensions)
    signature = der(0x03, b"\0", bytes(keypair.sign_message(content)))
    private = der(0x30, der(0x02, b"\0"), algorithm, der(0x04, der(0x04, keypair.secret())))
    path.write_text(pem("PRIVATE KEY", private) + pem("CERTIFICATE", der(0x30, content, algorithm, signature)))
    return path


def extension(identifier: str, value: bytes, *, critical: bool = False) -> bytes:
    """An X.509 extension; ``identifier`` is the hex of its object identifier."""
    flag = der(0x01, b"\xff") if critical else b""
    return der(0x30, der(0x06, bytes.fromhex(identifier)), flag, der(0x04, value))
