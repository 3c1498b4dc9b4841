"""The HTTP transport with a loopback server that responds correctly, incorrectly, slowly or not at all."""

import gzip
import re
import socket
import ssl
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from psyche_cli.errors import BadRpcResponse, HttpStatusError, TimedOut, Unreachable, UsageError
from psyche_cli.solana.rpc import http
from psyche_cli.solana.rpc.http import HttpTransport
from tests.solana.http_servers import (
    Serve,
    answering,
    dripping,
    failure,
    failure_of_a_slow_answer,
    raw,
    read_request,
    self_signed_certificate,
    silent,
)
from tests.support.patience import PATIENCE


def test_a_request_is_posted_and_answered_over_one_kept_connection(serve: Serve) -> None:
    connections = []
    requests: list[bytes] = []

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connections.append(connection)
        answering(b'{"a": "\xc3\xa9"}', requests=requests)(connection, stop)

    url = serve(talk)
    with closing(HttpTransport(url)) as transport:
        for body in (b"first", b"second"):
            assert transport.send(body, timeout=PATIENCE) == b'{"a": "\xc3\xa9"}'
        assert transport.label == url.removesuffix("/SECRET?key=SECRET")
    assert len(connections) == 1
    assert requests[0].startswith(b"POST /SECRET?key=SECRET HTTP/1.1\r\n")
    assert b"\r\ncontent-type: application/json" in requests[0].lower()
    assert [request.rpartition(b"\n")[2] for request in requests] == [b"first", b"second"]


def test_a_compressed_response_is_decompressed(serve: Serve) -> None:
    url = serve(answering(gzip.compress(b"plain" * 100), "Content-Encoding: gzip"))
    with closing(HttpTransport(url)) as transport:
        assert transport.send(b"{}", timeout=PATIENCE) == b"plain" * 100


def test_an_invalid_compressed_response_is_reported(serve: Serve) -> None:
    error = failure(serve(answering(b"not gzip at all", "Content-Encoding: gzip")))
    assert isinstance(error, BadRpcResponse)
    assert "could not be decompressed" in error.message


@pytest.mark.parametrize(
    ("status", "headers", "retry_after", "hint"),
    [
        ("429 Too Many Requests", ["Retry-After: 7"], 7, "rate limit was exceeded"),
        ("429 Too Many Requests", [], None, "rate limit was exceeded"),
        ("503 Service Unavailable", ["Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"], None, "overloaded or down"),
        ("503 Service Unavailable", ["Retry-After: 99999999999999"], None, "overloaded or down"),
        ("403 Forbidden", [], None, "access key"),
        ("500 Internal Server Error", [], None, ""),
        ("302 Found", ["Location: http://127.0.0.1:1/SECRET"], None, "Redirects are not followed"),
        ("307 Temporary Redirect", ["Location: /SECRET"], None, "Redirects are not followed"),
        ("204 No Content", [], None, ""),
    ],
)
def test_every_other_status_is_an_error(
    serve: Serve, status: str, headers: list[str], retry_after: int | None, hint: str
) -> None:
    payload = b"" if status.startswith("204") else b"SECRET"
    requests: list[bytes] = []
    error = failure(serve(answering(payload, *headers, status=status, requests=requests)))
    assert isinstance(error, HttpStatusError)
    assert error.context["status"] == int(status[:3])
    assert error.context["retry_after"] == retry_after
    assert error.message.endswith(f"responded with HTTP status {status}.")
    assert hint in error.hint
    assert len(requests) == 1


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 "],
    ids=["body", "header", "status line"],
)
def test_the_timeout_applies_to_a_response_that_trickles(serve: Serve, head: bytes) -> None:
    # Were each socket operation timed alone, there would never be an error.
    error, _ = failure_of_a_slow_answer(serve, dripping(head))
    assert isinstance(error, TimedOut)
    assert error.context["request_sent"] is True


def test_after_a_timeout_the_rest_of_the_answer_is_not_waited_for(serve: Serve) -> None:
    hung_up = threading.Event()

    def drip(connection: socket.socket, stop: threading.Event) -> None:
        try:
            dripping(b"HTTP/1.1 200 OK\r\n\r\n")(connection, stop)
        except OSError:
            hung_up.set()

    error, _ = failure_of_a_slow_answer(serve, drip)
    assert isinstance(error, TimedOut)
    assert hung_up.wait(PATIENCE)


def elapsed_of(error: TimedOut) -> float:
    """The seconds in the message of a timeout."""
    found = re.search(r"within ([0-9.]+) seconds?\.$", error.message)
    assert found is not None
    return float(found[1])


def test_a_host_that_accepts_no_connection_never_received_the_request() -> None:
    # A full backlog: Linux leaves further connections unanswered, as a firewall would.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        error = failure(f"http://127.0.0.1:{listener.getsockname()[1]}/SECRET", timeout=0.6)
    assert isinstance(error, TimedOut)
    assert elapsed_of(error) >= 0.3
    assert error.context["request_sent"] is False


def test_a_server_that_never_answers_times_out(serve: Serve) -> None:
    error, timeout = failure_of_a_slow_answer(serve, silent)
    assert isinstance(error, TimedOut)
    assert elapsed_of(error) >= timeout


def test_after_a_timeout_the_transport_still_works(serve: Serve) -> None:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        if read_request(connection)[1] == b"speak":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")
        stop.wait()

    with closing(HttpTransport(serve(talk))) as transport:
        with pytest.raises(TimedOut):
            transport.send(b"be silent", timeout=0.2)
        assert transport.send(b"speak", timeout=PATIENCE) == b"fine"


def test_a_refused_connection_never_sent_anything() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/SECRET")
    assert isinstance(error, Unreachable)
    assert error.context == {"endpoint": f"http://127.0.0.1:{port}", "request_sent": False}
    assert "refused" in error.message
    assert error.hint


def test_an_untrusted_certificate_is_rejected(serve: Serve, tmp_path: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(self_signed_certificate(tmp_path / "server.pem"))

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        with server_side.wrap_socket(connection, server_side=True) as secured:
            answering(b"fine")(secured, stop)

    url = serve(talk).replace("http:", "https:")
    error = failure(url)
    assert isinstance(error, Unreachable)
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert error.context["request_sent"] is False
    # The server is sound: whoever trusts this certificate gets an answer.
    trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    trusting.check_hostname = False
    port = int(url.split(":")[2].split("/")[0])
    with socket.create_connection(("127.0.0.1", port)) as plain, trusting.wrap_socket(plain) as secured:
        secured.sendall(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}")
        assert secured.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    error = failure("http://no-such-host.invalid/SECRET")
    assert isinstance(error, Unreachable)
    assert error.context["request_sent"] is False


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"complete garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntruncated",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Len",
    ],
    ids=["hangs up", "garbage", "truncated body", "truncated chunk", "truncated head"],
)
def test_a_broken_answer_may_have_been_processed(serve: Serve, answer: bytes) -> None:
    error = failure(serve(raw(answer)))
    assert isinstance(error, Unreachable)
    assert error.context["request_sent"] is True
    assert "was lost" in error.message


def test_an_endless_answer_is_cut_off(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    assert http.LARGEST_ANSWER == 64 * 1024 * 1024

    def endless(connection: socket.socket, stop: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not stop.is_set():
            connection.sendall(bytes(1 << 20))

    error = failure(serve(endless))
    assert isinstance(error, BadRpcResponse)
    assert "larger than 67108864 bytes" in error.message


def test_a_closed_transport_raises_an_error(serve: Serve) -> None:
    transport = HttpTransport(serve(answering(b"fine")))
    transport.close()
    with pytest.raises(Unreachable):
        transport.send(b"{}", timeout=PATIENCE)


@pytest.mark.parametrize("url", ["http://[::1/SECRET", "ws://host/SECRET", "SECRET", "http://xn--é.example/SECRET"])
def test_an_impossible_url_is_refused_before_anything_is_asked(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        HttpTransport(url)
    assert "SECRET" not in f"{caught.value.message} {caught.value.hint} {caught.value.context}"


def test_no_proxy_is_used_for_loopback_and_one_is_for_the_rest(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[bytes] = []
    proxy = serve(answering(b"from the proxy", requests=requests)).removesuffix("/SECRET?key=SECRET")
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    with closing(HttpTransport(serve(answering(b"direct")))) as transport:
        assert transport.send(b"{}", timeout=PATIENCE) == b"direct"
    with closing(HttpTransport("http://rpc.example/")) as transport:
        assert transport.send(b"{}", timeout=PATIENCE) == b"from the proxy"
    assert len(requests) == 1


def test_an_invalid_proxy_setting_is_reported_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "gopher://SECRET@proxy")
    monkeypatch.setenv("https_proxy", "gopher://SECRET@proxy")
    with pytest.raises(UsageError) as caught:
        HttpTransport("https://rpc.example/SECRET")
    assert caught.value.message == (
        "Cannot set up a connection to https://rpc.example: invalid proxy or certificate settings."
    )
    assert "HTTPS_PROXY" in caught.value.hint


def test_without_another_thread_no_request_is_sent() -> None:
    """The requested stack size is larger than any address space."""
    with closing(HttpTransport("http://127.0.0.1:9")) as transport:
        usual = threading.stack_size(1 << 50)
        try:
            with pytest.raises(Unreachable, match="another thread") as caught:
                transport.send(b"{}", timeout=5)
        finally:
            threading.stack_size(usual)
    assert caught.value.request_sent is False


INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.1 100 Continue\r\n\r\n", INTERIM, b"HTTP/1.1 102 Processing\r\n\r\n" * 50 + INTERIM],
    ids=["100", "103", "many"],
)
def test_interim_responses_are_skipped(serve: Serve, before: bytes) -> None:
    def talk(connection: socket.socket, _: threading.Event) -> None:
        for answer in (b"first", b"other"):
            read_request(connection)
            connection.sendall(before + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + answer)

    with closing(HttpTransport(serve(talk))) as transport:
        assert transport.send(b"{}", timeout=PATIENCE) == b"first"
        assert transport.send(b"{}", timeout=PATIENCE) == b"other"


def test_an_unrequested_protocol_upgrade_is_an_invalid_response(serve: Serve) -> None:
    error = failure(serve(answering(b"", status="101 Switching Protocols")))
    assert isinstance(error, HttpStatusError)
    assert error.status == 101


def test_a_server_that_only_processes_times_out(serve: Serve) -> None:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        while not stop.wait(0.02):
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")

    error, _ = failure_of_a_slow_answer(serve, talk)
    assert isinstance(error, TimedOut)
    assert error.context["request_sent"] is True
