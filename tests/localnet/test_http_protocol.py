"""HTTP/1.1 as clients may use it: pipelines, chunks, ``Expect``, connections that end, and readers that do not read."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from psyche_cli.localnet.local_validator import LocalValidator
from psyche_cli.localnet.server import http_connection
from psyche_cli.localnet.server.connections import Connections
from psyche_cli.localnet.server.request import Request
from psyche_cli.localnet.server.slices import Slices
from tests.localnet.harness import HEALTH
from tests.localnet.test_connections import is_closed, small_validator
from tests.localnet.test_server import is_healthy, port_of
from tests.support.patience import PATIENCE


class Connection:
    """A TCP connection that reads whole responses."""

    def __init__(self, tcp: socket.socket) -> None:
        self.tcp = tcp
        self._read = b""

    def send(self, *content: bytes) -> None:
        self.tcp.sendall(b"".join(content))

    def response(self, *, has_body: bool = True) -> tuple[int, bytes, bytes]:
        """The status, the head and the body of the next response."""
        head = self._until(b"\r\n\r\n")
        status = int(head.split()[1])
        found = re.search(rb"Content-Length: (\d+)", head)
        body = b""
        if found and has_body:
            while len(self._read) < int(found[1]):
                self._receive()
            body, self._read = self._read[: int(found[1])], self._read[int(found[1]) :]
        return status, head, body

    def _until(self, end: bytes) -> bytes:
        while end not in self._read:
            self._receive()
        found, _, self._read = self._read.partition(end)
        return found

    def _receive(self) -> None:
        chunk = self.tcp.recv(65536)
        assert chunk, self._read
        self._read += chunk


@contextmanager
def connected(validator: LocalValidator) -> Iterator[Connection]:
    with socket.create_connection(("127.0.0.1", port_of(validator.rpc_url)), timeout=PATIENCE) as tcp:
        yield Connection(tcp)


@pytest.fixture
def connection(validator: LocalValidator) -> Iterator[Connection]:
    with connected(validator) as open_connection:
        yield open_connection


def post(body: bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"POST / HTTP/" + version, b"Host: x", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*lines, b"", body])


def asks(number: int) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "getHealth"}).encode()


def test_pipelined_requests_are_answered_in_order(connection: Connection) -> None:
    batch = json.dumps([json.loads(asks(number)) for number in range(300)]).encode()
    connection.send(*(post(batch if number % 50 == 0 else asks(number)) for number in range(500)))
    for number in range(500):
        status, _, body = connection.response()
        answer = json.loads(body)
        assert status == 200
        assert len(answer) == 300 if number % 50 == 0 else answer["id"] == number


def test_chunked_body_in_any_pieces(connection: Connection) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (HEALTH[:5], HEALTH[5:]))
    for byte in head + chunks + b"0\r\n\r\n":
        connection.send(bytes([byte]))
    assert json.loads(connection.response()[2])["result"] == "ok"


def test_client_that_waits_for_permission_gets_it(connection: Connection) -> None:
    request = post(HEALTH, b"Expect: 100-continue")
    connection.send(request[: -len(HEALTH)])
    assert connection.response(has_body=False)[0] == 100
    connection.send(HEALTH)
    assert connection.response()[0] == 200


def test_client_that_waits_for_permission_is_refused_at_once(connection: Connection) -> None:
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n")
    assert connection.response()[0] == 413
    assert is_closed(connection.tcp)


def test_large_chunked_body_is_refused(connection: Connection) -> None:
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.send(b"100001\r\n" + b" " * 0x100001)
    status, _, body = connection.response()
    assert (status, body) == (413, b"A request may have up to 1048576 bytes.\n")
    assert is_closed(connection.tcp)


def test_client_that_sends_on_after_a_refusal_can_read_it(connection: Connection) -> None:
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n", b" " * 30_000_000)
    assert connection.response()[0] == 413
    assert is_closed(connection.tcp)


@pytest.mark.parametrize("content", [b"0\r\n" + b"X-Large: x\r\n" * 900_000, b"1;" + b"x" * 9_000_000])
def test_what_surrounds_chunks_is_limited(connection: Connection, content: bytes) -> None:
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", content)
    assert connection.response()[0] == 413
    assert is_closed(connection.tcp)


@pytest.mark.parametrize("repeated", [b"Origin: http://localhost", b"Connection: Upgrade\r\nUpgrade: h2c"])
def test_pages_from_elsewhere_may_not_steer_whatever_follows_origin(connection: Connection, repeated: bytes) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"localnet_status"}'
    elsewhere = b"Origin: https://elsewhere.example"
    connection.send(post(body, elsewhere, repeated), post(body, repeated, elsewhere))
    lines = [b"POST / HTTP/1.1", elsewhere, b"Transfer-Encoding: chunked", b"", b"%x" % len(body), body, b"0"]
    connection.send(b"\r\n".join([*lines, b"Origin: http://localhost", b"", b""]))
    for _ in range(3):
        assert "web pages from other origins" in json.loads(connection.response()[2])["error"]["message"]


def test_large_head_is_refused(connection: Connection) -> None:
    connection.send(b"POST / HTTP/1.1\r\nX-Large: " + b"x" * 100_000)
    assert connection.response()[0] == 431
    assert is_closed(connection.tcp)


def test_requests_before_a_broken_one_are_answered(connection: Connection) -> None:
    connection.send(post(asks(1)), post(asks(2)), b"nonsense\r\n\r\n")
    assert [json.loads(connection.response()[2])["id"] for _ in range(2)] == [1, 2]
    assert connection.response()[0] == 400
    assert is_closed(connection.tcp)


@pytest.mark.parametrize(
    ("version", "header", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close", False),
        (b"1.1", b"Connection: Upgrade, close\r\nUpgrade: h2c", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive", True),
    ],
)
def test_connection_ends_as_the_client_wants(
    connection: Connection, version: bytes, header: bytes, stays: bool
) -> None:
    request = post(HEALTH, *([header] if header else []), version=version)
    connection.send(request)
    _, head, body = connection.response()
    assert json.loads(body)["result"] == "ok"
    assert (b"Connection: close" in head) is not stays
    if stays:
        connection.send(request)
        assert connection.response()[0] == 200
    else:
        assert is_closed(connection.tcp)


def test_client_that_sends_nothing_more_still_gets_its_answers(connection: Connection) -> None:
    connection.send(*(post(asks(number)) for number in range(100)))
    connection.tcp.shutdown(socket.SHUT_WR)
    assert [json.loads(connection.response()[2])["id"] for _ in range(100)] == list(range(100))
    assert is_closed(connection.tcp)


def test_head_has_no_body_and_upgrades_are_ignored(connection: Connection) -> None:
    connection.send(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [connection.response(has_body=False)[0] for _ in range(2)] == [200, 405]
    connection.send(post(HEALTH, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c"), post(asks(5)))
    assert json.loads(connection.response()[2])["result"] == "ok"
    assert json.loads(connection.response()[2])["id"] == 5
    connection.send(post(HEALTH, b"Connection: Upgrade", b"Upgrade: h2c", b"Expect: 100-continue"))
    assert [connection.response(has_body=False)[0], connection.response()[0]] == [100, 200]
    connection.send(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.response()[0] == 405


def test_slow_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "BODY_SECONDS", 0.01)
    with small_validator() as validator, connected(validator) as slow:
        slow.send(post(HEALTH)[:-1])
        assert slow.response()[0] == 408
        assert is_closed(slow.tcp)
        assert is_healthy(validator)


def send_forever(connection: Connection, request: bytes) -> None:
    """Send a request until the connection is reset."""
    while True:
        connection.send(request)


def test_client_that_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "STALLED_SECONDS", 0.2)
    with small_validator() as validator, connected(validator) as stalled:
        stalled.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        leaders = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getSlotLeaders", "params": [1, 5000]}).encode()
        with pytest.raises(ConnectionError):
            send_forever(stalled, post(leaders))
        assert is_healthy(validator)


def test_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "IDLE_SECONDS", 0.05)
    with small_validator() as validator, connected(validator) as idle:
        idle.send(post(HEALTH))
        assert idle.response()[0] == 200
        assert is_closed(idle.tcp)


def test_internal_error_is_answered_and_reported() -> None:
    noticed: list[tuple[str, bool]] = []

    def fails(request: Request) -> bytes:
        raise LookupError("nothing there")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: http_connection.HttpConnection(
                fails, Connections(), Slices(), lambda line, internal: noticed.append((line, internal))
            ),
            "127.0.0.1",
            0,
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(post(HEALTH))
        assert (await reader.read()).startswith(b"HTTP/1.1 500 ")
        writer.close()
        server.close()

    asyncio.run(run())
    assert noticed == [("http: internal error: LookupError: nothing there", True)]
