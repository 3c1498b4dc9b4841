"""The server on real sockets, with valid and invalid HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from psyche_cli.errors import BadProgram, LocalnetError, PortInUse, UsageError
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.localnet.server.ports import bind_pair
from tests.localnet.harness import HEALTH, some_program
from tests.support.patience import PATIENCE


def post(url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def is_healthy(validator: LocalValidator) -> bool:
    status, body = post(validator.rpc_url, HEALTH)
    return status == 200 and json.loads(body)["result"] == "ok"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.fixture
def raw(validator: LocalValidator) -> Iterator[socket.socket]:
    """A bare TCP connection to the RPC port."""
    with socket.create_connection(("127.0.0.1", port_of(validator.rpc_url)), timeout=PATIENCE) as connection:
        yield connection


def test_answers_json_with_open_cors(validator: LocalValidator) -> None:
    request = urllib.request.Request(validator.rpc_url, data=HEALTH)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert json.load(answer)["result"] == "ok"


FROM_HERE = ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080", "http://app.localhost:5173"]
FROM_ELSEWHERE = [
    "https://example.com",
    "http://rebound.example:8899",
    "http://localhost.example.com",
    "null",
    "http://[",
]


@pytest.mark.parametrize(("origin", "may_steer"), [(o, True) for o in FROM_HERE] + [(o, False) for o in FROM_ELSEWHERE])
def test_only_pages_of_this_machine_may_steer(validator: LocalValidator, origin: str, may_steer: bool) -> None:
    warp = {"jsonrpc": "2.0", "id": 1, "method": "localnet_warpSlots", "params": [0]}
    for body in (warp, [warp]):
        answer = json.loads(post(validator.rpc_url, json.dumps(body).encode(), Origin=origin)[1])
        answer = answer[0] if isinstance(answer, list) else answer
        assert ("result" in answer) is may_steer
        if not may_steer:
            assert answer["error"]["code"] == -32600
            assert "web pages from other origins" in answer["error"]["message"]
    assert json.loads(post(validator.rpc_url, HEALTH, Origin=origin)[1])["result"] == "ok"


def test_health_page_and_other_methods(validator: LocalValidator) -> None:
    with urllib.request.urlopen(f"{validator.rpc_url}/health", timeout=PATIENCE) as answer:
        assert answer.read() == b"ok"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(validator.rpc_url, timeout=PATIENCE)
    assert refused.value.code == 405
    refused.value.close()
    options = urllib.request.Request(validator.rpc_url, method="OPTIONS")
    with urllib.request.urlopen(options, timeout=PATIENCE) as answer:
        assert answer.status == 204
    assert is_healthy(validator)


def test_false_gzip_announcement_is_ignored(validator: LocalValidator) -> None:
    status, body = post(validator.rpc_url, HEALTH, **{"Content-Encoding": "gzip"})
    assert (status, json.loads(body)["result"]) == (200, "ok")


def test_body_over_the_limit_is_refused(validator: LocalValidator) -> None:
    try:
        status, _ = post(validator.rpc_url, b" " * 10_000_000)
        assert status == 413
    except (urllib.error.URLError, ConnectionError):
        pass  # refused before all of it was read: the connection is closed under the sender
    assert is_healthy(validator)


def test_body_within_the_limit_is_read(validator: LocalValidator) -> None:
    assert post(validator.rpc_url, HEALTH + b" " * 1_000_000)[0] == 200


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02 garbage\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HT",
        b"",
    ],
)
def test_broken_http_harms_nobody_else(validator: LocalValidator, raw: socket.socket, content: bytes) -> None:
    raw.sendall(content)
    raw.shutdown(socket.SHUT_WR)
    while raw.recv(65536):
        pass
    assert is_healthy(validator)


def test_many_half_open_connections(validator: LocalValidator) -> None:
    port = port_of(validator.rpc_url)
    held = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) for _ in range(200)]
    try:
        for connection in held:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        assert is_healthy(validator)
    finally:
        for connection in held:
            connection.close()
    assert is_healthy(validator)


def test_parallel_clients_get_their_own_answers(validator: LocalValidator) -> None:
    def ask(number: int) -> bool:
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "getSlot"}).encode()
        return bool(json.loads(post(validator.rpc_url, body)[1])["id"] == number)

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(300)))


def test_listens_on_loopback_only(validator: LocalValidator) -> None:
    assert validator.rpc_url.startswith("http://127.0.0.1:")
    assert port_of(validator.ws_url) == port_of(validator.rpc_url) + 1


def test_busy_ports_are_named(validator: LocalValidator) -> None:
    port = port_of(validator.rpc_url)
    for wanted, busy in ((port, port), (port + 1, port + 1), (port - 1, port)):
        options = LocalnetOptions(Genesis(programs={}), rpc_port=wanted)
        with pytest.raises(PortInUse) as refused, LocalValidator(options):
            pass
        # The port before may be taken, too, by something else on this machine.
        assert refused.value.context["port"] in {wanted, busy}
        assert str(refused.value.context["port"]) in refused.value.message
        assert "--rpc-port" in refused.value.hint


@pytest.mark.parametrize("port", [-1, 65535, 70000])
def test_ports_that_do_not_exist(port: int) -> None:
    with pytest.raises(UsageError, match="Invalid RPC port"):
        bind_pair(port)


def test_ports_are_free_again_after_close() -> None:
    with LocalValidator(LocalnetOptions(Genesis(programs={}), rpc_port=0)) as first:
        port = port_of(first.rpc_url)
        assert is_healthy(first)
    with LocalValidator(LocalnetOptions(Genesis(programs={}), rpc_port=port)) as second:
        assert is_healthy(second)
    with pytest.raises(LocalnetError, match="not running"):
        _ = second.rpc_url


PROGRAM = some_program()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b"hello", "does not start with the ELF magic number"),
        (b"\x7fELF\x02\x01", "too small for an ELF header"),
        (b"\x7fELF\x01\x01" + bytes(100), "64-bit"),
        (b"\x7fELF\x02\x01" + bytes(12) + b"\x3e\x00" + bytes(100), "machine type is 62"),
        (PROGRAM[:1000], "rejects"),
        (PROGRAM[:64] + bytes(len(PROGRAM) - 64), "rejects"),
    ],
)
def test_bad_programs(tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, problem: str) -> None:
    file = tmp_path / "program.so"
    file.write_bytes(content)
    options = LocalnetOptions(Genesis(programs={PSYCHE_PROGRAMS["coordinator"]: file}), rpc_port=0)
    with pytest.raises(BadProgram, match=problem) as refused, LocalValidator(options):
        pass
    assert str(file) in refused.value.message
    assert capfd.readouterr() == ("", "")


def test_missing_program(tmp_path: Path) -> None:
    file = tmp_path / "absent.so"
    options = LocalnetOptions(Genesis(programs={PSYCHE_PROGRAMS["treasurer"]: file}), rpc_port=0)
    with pytest.raises(BadProgram, match=r"Cannot read the program file .*: No such file"), LocalValidator(options):
        pass


def test_good_program_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "program.so"
    file.write_bytes(PROGRAM)
    address = PSYCHE_PROGRAMS["authorizer"]
    with LocalValidator(LocalnetOptions(Genesis(programs={address: file}), rpc_port=0)) as validator:
        body = {"jsonrpc": "2.0", "id": 1, "method": "getAccountInfo", "params": [str(address), {"encoding": "base64"}]}
        account = json.loads(post(validator.rpc_url, json.dumps(body).encode())[1])["result"]["value"]
    assert account["executable"] is True
    assert account["space"] == 36


def test_messages_are_sent_without_waiting_for_acknowledgements() -> None:
    """asyncio sets TCP_NODELAY only for sockets that name their protocol."""

    async def options() -> list[int]:
        loop, made = asyncio.get_running_loop(), asyncio.Queue[asyncio.Transport]()

        class Kept(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                assert isinstance(transport, asyncio.Transport)
                made.put_nowait(transport)

        found = []
        for bound in bind_pair(0):
            server = await loop.create_server(Kept, sock=bound)
            with socket.create_connection(bound.getsockname()):
                transport = await made.get()
                found.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()
            server.close()
        return found

    assert all(asyncio.run(options()))
