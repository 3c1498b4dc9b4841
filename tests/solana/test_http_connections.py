"""Persistent connections, TLS and proxies."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from psyche_cli.errors import TimedOut, Unreachable, UsageError
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.rpc.proxies import Proxy, proxy_for
from tests.solana.http_servers import Serve, Talk, answering, failure, read_request, self_signed_certificate
from tests.support.patience import PATIENCE

# --- kept connections ------------------------------------------------------------------------------------------------


class Counting:
    """Counts the connections of a server and the requests that reach it."""

    def __init__(self, talk: Callable[[socket.socket, int], None]) -> None:
        self.connections = 0
        self.requests = 0
        self._talk = talk

    def __call__(self, connection: socket.socket, stop: threading.Event) -> None:
        self.connections += 1
        while read_request(connection)[0]:
            self.requests += 1
            self._talk(connection, self.requests)


FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


def test_a_kept_connection_that_the_server_has_closed_is_replaced_before_anything_is_sent(serve: Serve) -> None:
    hung_up = threading.Event()

    def answer_once(connection: socket.socket, stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(FINE)
        connection.shutdown(socket.SHUT_WR)
        hung_up.set()
        connection.recv(1)

    with closing(HttpTransport(serve(answer_once))) as transport:
        for _ in range(3):
            assert transport.send(b"{}", timeout=PATIENCE) == b"fine"
            assert hung_up.wait(PATIENCE)
            hung_up.clear()


def test_a_kept_connection_with_unsolicited_data_is_replaced(serve: Serve) -> None:
    answered, complained = threading.Event(), threading.Event()

    def answer_and_complain(connection: socket.socket, _: int) -> None:
        connection.sendall(FINE)
        if not complained.is_set():
            answered.wait(PATIENCE)
            connection.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            complained.set()

    counting = Counting(answer_and_complain)
    with closing(HttpTransport(serve(counting))) as transport:
        assert transport.send(b"{}", timeout=PATIENCE) == b"fine"
        answered.set()
        assert complained.wait(PATIENCE)
        assert transport.send(b"{}", timeout=PATIENCE) == b"fine"
    assert counting.connections == 2


def test_a_request_that_crosses_the_end_of_a_kept_connection_may_have_been_processed(serve: Serve) -> None:
    def answer_the_first(connection: socket.socket, request: int) -> None:
        if request > 1:
            connection.shutdown(socket.SHUT_RDWR)
            return
        connection.sendall(FINE)

    counting = Counting(answer_the_first)
    with closing(HttpTransport(serve(counting))) as transport:
        transport.send(b"{}", timeout=PATIENCE)
        with pytest.raises(Unreachable) as caught:
            transport.send(b"{}", timeout=PATIENCE)
    assert caught.value.request_sent is True
    # It is for the caller to decide whether the request is sent again.
    assert counting.requests == 2


def test_a_connection_that_the_server_announces_to_close_is_not_kept(serve: Serve) -> None:
    counting = Counting(
        lambda connection, _: connection.sendall(FINE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    )
    with closing(HttpTransport(serve(counting))) as transport:
        assert [transport.send(b"{}", timeout=PATIENCE) for _ in range(2)] == [b"fine", b"fine"]
    assert counting.connections == 2


def test_several_threads_have_a_connection_each(serve: Serve) -> None:
    together = threading.Barrier(3, timeout=PATIENCE)

    def answer(connection: socket.socket, _: int) -> None:
        together.wait()
        connection.sendall(FINE)

    answers = []
    with closing(HttpTransport(serve(Counting(answer)))) as transport:
        threads = [
            threading.Thread(target=lambda: answers.append(transport.send(b"{}", timeout=PATIENCE))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [b"fine"] * 3


def test_a_closed_transport_never_sends_a_request(serve: Serve) -> None:
    counting = Counting(lambda connection, _: connection.sendall(FINE))
    transport = HttpTransport(serve(counting))
    transport.send(b"{}", timeout=PATIENCE)
    transport.close()
    with pytest.raises(Unreachable) as caught:
        transport.send(b"{}", timeout=PATIENCE)
    assert caught.value.request_sent is False
    assert counting.requests == 1


# --- what is in the URL ----------------------------------------------------------------------------------------------


def test_credentials_and_letters_beyond_ascii_in_a_url_are_sent_as_http_has_them(serve: Serve) -> None:
    requests: list[bytes] = []
    url = serve(answering(b"fine", requests=requests))
    port = urlsplit(url).port
    with closing(HttpTransport(f"http://us%40er:pass@localhost:{port}/ké?q=%41ñ")) as transport:
        transport.send(b"{}", timeout=PATIENCE)
    lines = requests[0].split(b"\r\n")
    assert lines[0] == b"POST /k%C3%A9?q=%41%C3%B1 HTTP/1.1"
    assert f"Host: localhost:{port}".encode() in lines
    assert b"Authorization: Basic " + base64.b64encode(b"us@er:pass") in lines


# --- certificates ----------------------------------------------------------------------------------------------------


def secured(certificate: Path, talk: Talk) -> Talk:
    """The same connection handler over TLS."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)

    def talk_secured(connection: socket.socket, stop: threading.Event) -> None:
        with server_side.wrap_socket(connection, server_side=True) as tls:
            talk(tls, stop)

    return talk_secured


def test_a_certificate_file_of_the_environment_is_trusted(serve: Serve, tmp_path: Path) -> None:
    certificate = self_signed_certificate(tmp_path / "server.pem")
    url = serve(secured(certificate, answering(b"fine"))).replace("http:", "https:")
    with closing(HttpTransport(url, {"SSL_CERT_FILE": str(certificate)})) as transport:
        assert [transport.send(b"{}", timeout=PATIENCE) for _ in range(2)] == [b"fine", b"fine"]
    elsewhere = url.replace("127.0.0.1", "localhost")
    error = failure(elsewhere, {"SSL_CERT_FILE": str(certificate)})
    assert isinstance(error, Unreachable)
    assert "Hostname mismatch" in error.message
    assert error.request_sent is False


def test_a_certificate_file_that_does_not_exist_is_reported_where_it_would_be_needed() -> None:
    variables = {"SSL_CERT_FILE": "/SECRET/nowhere.pem"}
    HttpTransport("http://127.0.0.1:1", variables).close()
    with pytest.raises(UsageError) as caught:
        HttpTransport("https://rpc.example", variables)
    assert "SSL_CERT_FILE" in caught.value.hint
    assert "SECRET" not in f"{caught.value.message} {caught.value.hint} {caught.value.context}"


# --- proxies ---------------------------------------------------------------------------------------------------------


def test_a_proxy_receives_the_full_http_url(serve: Serve) -> None:
    requests: list[bytes] = []
    port = urlsplit(serve(answering(b"fine", requests=requests))).port
    variables = {"http_proxy": f"user:p%20w@127.0.0.1:{port}"}
    with closing(HttpTransport("http://rpc.example:8899/path?key=1", variables)) as transport:
        assert transport.send(b"{}", timeout=PATIENCE) == b"fine"
    lines = requests[0].split(b"\r\n")
    assert lines[0] == b"POST http://rpc.example:8899/path?key=1 HTTP/1.1"
    assert b"Host: rpc.example:8899" in lines
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:p w") in lines


def test_an_https_url_is_reached_through_a_tunnel(serve: Serve, tmp_path: Path) -> None:
    certificate = self_signed_certificate(tmp_path / "server.pem")
    target = urlsplit(serve(secured(certificate, answering(b"fine"))))
    heads = []

    def tunnel(connection: socket.socket, stop: threading.Event) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        heads.append(head)
        with socket.create_connection((target.hostname, target.port or 0)) as server:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, connection))
            back.start()
            pump(connection, server)
            back.join()

    proxy = serve(tunnel).replace("http://", "http://user:pw@").removesuffix("/SECRET?key=SECRET")
    # No proxy is used for the host in the certificate. What is shown is that TLS is spoken through the tunnel, with the
    # host of the URL.
    variables = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(certificate)}
    error = failure("https://rpc.example:8443/SECRET", variables)
    assert isinstance(error, Unreachable)
    assert "certificate is not valid for 'rpc.example'" in error.message
    assert error.request_sent is False
    lines = heads[0].split(b"\r\n")
    assert lines[0].startswith(b"CONNECT rpc.example:8443 HTTP/1.")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"user:pw") in lines


def pump(source: socket.socket, target: socket.socket) -> None:
    """Forward bytes until either end closes the connection."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()


def test_a_proxy_that_refuses_never_let_the_request_through(serve: Serve) -> None:
    def refuse(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    proxy = serve(refuse).removesuffix("/SECRET?key=SECRET")
    error = failure("https://rpc.example/", {"ALL_PROXY": proxy})
    assert isinstance(error, Unreachable)
    assert error.message.startswith("Cannot connect to https://rpc.example: ")
    assert "407" in error.message
    assert error.request_sent is False


def test_the_timeout_applies_to_a_proxy_that_trickles_and_then_nothing_is_sent(serve: Serve) -> None:
    def drip(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 ")
        while not stop.wait(0.02):
            connection.sendall(b"O")

    proxy = serve(drip).removesuffix("/SECRET?key=SECRET")
    error = failure("https://rpc.example/", {"ALL_PROXY": proxy}, timeout=0.4)
    assert isinstance(error, TimedOut)
    assert error.request_sent is False


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://host:port"])
def test_another_kind_of_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(UsageError):
        HttpTransport("https://rpc.example/", {"ALL_PROXY": proxy})
    HttpTransport("https://localhost/", {"ALL_PROXY": proxy}).close()


PROXY = Proxy("proxy", 3128, None)


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        ("http://rpc.example", {}, None),
        ("http://rpc.example", {"HTTP_PROXY": "http://proxy:3128"}, PROXY),
        ("https://rpc.example", {"HTTP_PROXY": "http://proxy:3128"}, None),
        ("https://rpc.example", {"HTTPS_PROXY": "proxy:3128"}, PROXY),
        ("https://rpc.example", {"all_proxy": "proxy:3128"}, PROXY),
        ("https://rpc.example", {"ALL_PROXY": "other:1", "HTTPS_PROXY": "proxy:3128"}, PROXY),
        ("https://rpc.example", {"HTTPS_PROXY": "other:1", "https_proxy": "proxy:3128"}, PROXY),
        ("https://rpc.example", {"HTTPS_PROXY": "other:1", "https_proxy": ""}, None),
        ("https://rpc.example", {"ALL_PROXY": "http://proxy"}, Proxy("proxy", 80, None)),
    ],
)
def test_which_variable_names_the_proxy(url: str, variables: dict[str, str], expected: Proxy | None) -> None:
    assert proxy_for(urlsplit(url), variables) == expected


@pytest.mark.parametrize(
    ("host", "exempt", "expected"),
    [
        ("rpc.example", "*", None),
        ("rpc.example", "rpc.example", None),
        ("rpc.example", "other, RPC.example:443", None),
        ("rpc.example", "example", None),
        ("rpc.example", ".example", None),
        ("rpc.example", "c.example", PROXY),
        ("rpc.example", "example.com,", PROXY),
        ("10.1.2.3", "10.1.0.0/16", None),
        ("10.2.2.3", "10.1.0.0/16", PROXY),
        ("rpc.example", "10.1.0.0/16, not a network/77", PROXY),
        ("[fd00::1]", "fd00::1", None),
        ("[fd00::1]", "[fd00::1]", None),
        ("[fd00::1]", "fd00::2", PROXY),
    ],
)
def test_which_hosts_are_exempt(host: str, exempt: str, expected: Proxy | None) -> None:
    variables = {"ALL_PROXY": "proxy:3128", "NO_PROXY": exempt}
    assert proxy_for(urlsplit(f"https://{host}/"), variables) == expected
