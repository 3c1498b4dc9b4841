"""Idle, aborted and excess connections do not block others, and print nothing to stderr."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Callable

import pytest

from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.localnet.server import connections
from tests.localnet.test_server import is_healthy, port_of
from tests.support.patience import PATIENCE

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"


def small_validator() -> LocalValidator:
    return LocalValidator(LocalnetOptions(Genesis(programs={}), rpc_port=0))


def hold(url: str, content: bytes, count: int) -> list[socket.socket]:
    held = []
    for _ in range(count):
        held.append(socket.create_connection(("127.0.0.1", port_of(url)), timeout=PATIENCE))
        held[-1].sendall(content)
    return held


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes a connection within its timeout."""
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("content", [b"", b"POST / HT", HEAD], ids=["silent", "half a head", "half a body"])
@pytest.mark.parametrize("url", [lambda it: it.rpc_url, lambda it: it.ws_url], ids=["rpc", "pubsub"])
def test_unfinished_requests_make_room_for_others(
    monkeypatch: pytest.MonkeyPatch, content: bytes, url: Callable[[LocalValidator], str]
) -> None:
    monkeypatch.setattr(connections, "max_connections", lambda: 10)
    with small_validator() as validator:
        held = hold(url(validator), content, 40)
        assert all(is_closed(connection) for connection in held[:30])
        assert is_healthy(validator)
        for connection in held:
            connection.close()


def test_connections_that_sent_a_request_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "max_connections", lambda: 10)
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with small_validator() as validator:
        [regular] = hold(validator.rpc_url, request, 1)
        assert regular.recv(65536).startswith(b"HTTP/1.1 200")
        held = hold(validator.rpc_url, b"P", 40)
        assert is_closed(held[0])
        regular.sendall(request)
        assert regular.recv(65536).startswith(b"HTTP/1.1 200")
        for connection in (regular, *held):
            connection.close()


@pytest.mark.parametrize("content", [b"", b"POST / HTTP/1.1\r\nX-Slow: "], ids=["silent", "half a head"])
def test_silent_connection_is_closed_eventually(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.01)
    with small_validator() as validator:
        [held] = hold(validator.rpc_url, b"", 1)
        with contextlib.suppress(ConnectionError):  # on a busy machine it is closed before anything is sent
            held.sendall(content)
        assert is_closed(held)
        held.close()


def test_truncated_bodies_are_not_reported(capfd: pytest.CaptureFixture[str]) -> None:
    with small_validator() as validator:
        for connection in hold(validator.rpc_url, HEAD, 20):
            connection.close()
        chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"
        for connection in hold(validator.rpc_url, chunked, 20):
            connection.sendall(b"not a chunk\r\n")
            connection.close()
        assert is_healthy(validator)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "content",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01 that is TLS\r\n\r\n",
    ],
)
def test_non_http_input_is_not_reported(capfd: pytest.CaptureFixture[str], content: bytes) -> None:
    with small_validator() as validator:
        for url in (validator.rpc_url, validator.ws_url):
            [connection] = hold(url, content, 1)
            connection.shutdown(socket.SHUT_WR)
            assert is_closed(connection)
            connection.close()
        assert is_healthy(validator)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("files", "most"), [(256, 128), (400, 200), (512, 256), (514, 258), (1024, 768)])
def test_connections_leave_256_files_or_half_of_few_for_others(files: int, most: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        assert connections.max_connections() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
