"""What the local validator costs beside its peers until it is ready, per request and transfer, and how it pauses."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from scripts.benchmarks.processor_time import processor_milliseconds
from scripts.benchmarks.shell import Shell
from scripts.benchmarks.table import Table
from scripts.benchmarks.transfers import CONNECTIONS, Client, seconds_of_senders, transfer_bytes

HEALTHS = 3000
TRANSFERS = 2000
POLLED = 200
REPEAT = 5
NODE_PER_SECOND = 958
"""Confirmed transactions per second of solana-test-validator 3.1.9 in the same measurement, on two cores."""

_BARE = "from solders.litesvm import LiteSVM; LiteSVM()"
_RESULT = b'"result":'
_ACCOUNTS = 300
_ACCOUNT_BYTES = 119_160


def measure(shell: Shell, table: Table) -> None:
    """All sections."""
    _ready(shell, table)
    _health(shell, table)
    payers = [Keypair() for _ in range(CONNECTIONS)]
    airdrops = [word for payer in payers for word in ("--airdrop", f"{payer.pubkey()}=1000")]
    with shell.validator(*airdrops) as validator:
        _transfers(table, validator.process.pid, validator.rpc_url, payers[0])
        _polled(table, validator.rpc_url, payers)
    with shell.validator(*airdrops) as validator:
        _pauses(table, validator.rpc_url, validator.ws_url)
    _history(shell, table, payers[0])
    _snapshots(shell, table)


def _ready(shell: Shell, table: Table) -> None:
    table.section("processor time until the validator is ready")
    bare = shell.processor_times(REPEAT, {"bare": lambda: ([sys.executable, "-c", _BARE], {})})["bare"]
    taken = []
    for _ in range(REPEAT):
        with shell.validator() as validator:
            taken.append(processor_milliseconds(validator.process.pid))
    table.ratio("a process that constructs LiteSVM", bare, bare, "")
    table.ratio("psyche-cli localnet", statistics.median(taken), bare, "target: 2.5")


def _request(body: bytes) -> bytes:
    lines = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return lines % len(body) + body


def _call(method: str, *params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


class Connection:
    """A keep-alive connection that spends as little time as possible itself."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """The response to a request."""
        self._socket.sendall(request)
        received = self._socket.recv(1 << 20)
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        parts, size = [body], len(body)
        while size < length:
            parts.append(self._socket.recv(1 << 20))
            size += len(parts[-1])
        return b"".join(parts)


@contextlib.contextmanager
def _peer(kind: str) -> Iterator[tuple[int, int]]:
    """The process id and the port of a server that answers every request."""
    command = [sys.executable, "-m", "scripts.benchmarks.peer_servers", kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def _health(shell: Shell, table: Table) -> None:
    table.section("getHealth: processor time and round trip, one request at a time")
    bare = 0.0
    for kind in ("raw", "aiohttp"):
        with _peer(kind) as (pid, port):
            bare = _health_of(table, f"{kind} asyncio server" if kind == "raw" else kind, pid, port, bare) or bare
    with shell.validator() as validator:
        _health_of(table, "psyche-cli localnet", validator.process.pid, _port(validator.rpc_url), bare, "target: 2")


def _health_of(table: Table, label: str, pid: int, port: int, bare: float, note: str = "") -> float:
    connection, request = Connection(port), _request(_call("getHealth"))
    for _ in range(200):
        connection.ask(request)
    before, start = processor_milliseconds(pid), time.perf_counter()
    for _ in range(HEALTHS):
        connection.ask(request)
    trip = (time.perf_counter() - start) / HEALTHS * 1e6
    taken = (processor_milliseconds(pid) - before) / HEALTHS * 1000
    ratio = f"{taken / bare:.2f} x" if bare else "1.00 x"
    table.figure(label, taken, "us", f"{ratio}   round trip {trip:,.0f} us   {note}")
    return 0.0 if bare else taken


def _transfers(table: Table, pid: int, url: str, payer: Keypair) -> None:
    table.section("a transfer: processor time, one at a time")
    vm = LiteSVM()
    vm.airdrop(payer.pubkey(), 10**12)
    raws = [transfer_bytes(payer, number, vm.latest_blockhash()) for number in range(TRANSFERS)]
    start = time.process_time()
    for raw in raws:
        vm.send_transaction(VersionedTransaction.from_bytes(raw))
    bare = (time.process_time() - start) / TRANSFERS * 1e6
    blockhash = Client(url).blockhash()
    requests = [
        _request(
            _call(
                "sendTransaction",
                base64.b64encode(transfer_bytes(payer, number, blockhash)).decode(),
                {"encoding": "base64"},
            )
        )
        for number in range(TRANSFERS)
    ]
    connection = Connection(_port(url))
    before = processor_milliseconds(pid)
    for request in requests:
        answer = connection.ask(request)
    assert b'"result"' in answer, answer
    taken = (processor_milliseconds(pid) - before) / TRANSFERS * 1000
    table.figure("bare LiteSVM, decoded and verified", bare, "us", "1.00 x")
    table.figure("psyche-cli localnet over HTTP", taken, "us", f"{taken / bare:.2f} x   target: 5")


def _polled(table: Table, url: str, payers: list[Keypair]) -> None:
    table.section(f"{CONNECTIONS} connections of one Python client: send, and poll until confirmed")

    def send_all(payer: Keypair) -> None:
        client = Client(url)
        for number in range(POLLED):
            if number % 50 == 0:
                blockhash = client.blockhash()
            raw = transfer_bytes(payer, 10**6 + number, blockhash)
            signature = client.call("sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64"})
            while not _is_confirmed(client.call("getSignatureStatuses", [signature])):
                pass

    rate = CONNECTIONS * POLLED / seconds_of_senders(send_all, payers)
    note = f"{rate / NODE_PER_SECOND:.2f} x the node's {NODE_PER_SECOND}   target: 1.5"
    table.figure("confirmed transactions", rate, "tx/s", note)


def _is_confirmed(statuses: Any) -> bool:
    [status] = statuses["value"]
    return status is not None and status["confirmationStatus"] in ("confirmed", "finalized")


def _pauses(table: Table, url: str, ws_url: str) -> None:
    table.section("the longest that getHealth of another connection waits")
    client, owner = Client(url), str(Pubkey.new_unique())
    content = base64.b64encode(bytes(_ACCOUNT_BYTES)).decode()
    for _ in range(_ACCOUNTS):
        account = {"lamports": 10**10, "owner": owner, "data": [content, "base64"], "executable": False}
        client.call("localnet_setAccount", str(Pubkey.new_unique()), account)
    port = _port(url)
    batch = b"[%b]" % b",".join([_call("getProgramAccounts", owner, {"dataSlice": {"offset": 0, "length": 0}})] * 100)
    all_accounts = _call("getProgramAccounts", owner, {"encoding": "base64"})
    _pause(table, "during nothing", port, lambda: time.sleep(0.5))
    _pause(table, "100 scans in a batch", port, lambda: Connection(port).ask(_request(batch)))
    size = f"{_ACCOUNTS} accounts, {_ACCOUNTS * _ACCOUNT_BYTES / 1e6:.0f} MB"
    _pause(table, f"getProgramAccounts, {size}", port, lambda: Connection(port).ask(_request(all_accounts)))
    _pause(table, "20,000 subscriptions by 2 sockets", port, lambda: _flood(_port(ws_url)))


def _pause(table: Table, label: str, port: int, work: Callable[[], object]) -> None:
    """Print the longest round trip of getHealth during some work."""
    request, connection, longest = _request(_call("getHealth")), Connection(port), 0.0
    connection.ask(request)
    thread = threading.Thread(target=work)
    start = time.perf_counter()
    thread.start()
    while thread.is_alive():
        begin = time.perf_counter()
        connection.ask(request)
        longest = max(longest, time.perf_counter() - begin)
        time.sleep(0.001)
    taken = time.perf_counter() - start
    table.figure(label, longest * 1000, "ms", f"target: 50   all of it took {taken * 1000:,.0f} ms")


def _flood(port: int) -> None:
    frames = []
    for number in range(10_000):
        payload = _call("accountSubscribe", str(Pubkey(number.to_bytes(32, "little"))))
        frames.append(b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload)
    sockets = []
    for _ in range(2):
        sockets.append(socket.create_connection(("127.0.0.1", port)))
        key = base64.b64encode(bytes(16))
        sockets[-1].sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %b\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n" % key
        )
    writers = [threading.Thread(target=flooded.sendall, args=(b"".join(frames),)) for flooded in sockets]
    for writer in writers:
        writer.start()
    for flooded in sockets:
        received, answers = b"", 0
        while answers < 10_000:
            received += flooded.recv(1 << 16)
            # What is at the end may be the beginning of the next one.
            answers += received.count(_RESULT)
            received = received[-len(_RESULT) + 1 :]
    for writer in writers:
        writer.join()
    for flooded in sockets:
        flooded.close()


def _history(shell: Shell, table: Table, payer: Keypair) -> None:
    table.section("history and ledger")
    words = ("--ledger", str(shell.folder / "long-ledger"), "--airdrop", f"{payer.pubkey()}=1000")
    with shell.validator("--ledger", str(shell.folder / "empty-ledger")):
        pass
    with shell.validator("--ledger", str(shell.folder / "empty-ledger")) as validator:
        empty = validator.ready_after
    with shell.validator(*words) as validator:
        client = Client(validator.rpc_url)
        for number in range(20_000):
            if number % 1000 == 0:
                blockhash = client.blockhash()
            raw = transfer_bytes(payer, number, blockhash)
            client.call("sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64"})
        start = time.perf_counter()
        found = _all_signatures(client, str(payer.pubkey()))
        taken = (time.perf_counter() - start) * 1000
        table.figure(f"getSignaturesForAddress to the end, {found:,}", taken, "ms", "target: 150")
    with shell.validator(*words) as validator:
        table.ratio("restart with that ledger", validator.ready_after, empty, "target: 1.5 of an empty one")


def _all_signatures(client: Client, address: str) -> int:
    found, options = 0, dict[str, str]()
    while True:
        page: Any = client.call("getSignaturesForAddress", address, options)
        if not page:
            return found
        found += len(page)
        options = {"before": page[-1]["signature"]}


def _snapshots(shell: Shell, table: Table) -> None:
    table.section("snapshots of 10,000 accounts of which 10 change")
    with shell.validator() as validator:
        client = Client(validator.rpc_url)
        owner, content = str(Pubkey.new_unique()), base64.b64encode(bytes(165)).decode()
        addresses = [str(Pubkey.new_unique()) for _ in range(10_000)]
        account = {"lamports": 10**7, "owner": owner, "data": [content, "base64"], "executable": False}
        for address in addresses:
            client.call("localnet_setAccount", address, account)
        start = time.perf_counter()
        number = client.call("localnet_takeSnapshot")
        table.figure("take", (time.perf_counter() - start) * 1e6, "us")
        for address in addresses[:10]:
            client.call("localnet_setAccount", address, {**account, "lamports": 10**8})
        start = time.perf_counter()
        client.call("localnet_restoreSnapshot", number)
        table.figure("restore", (time.perf_counter() - start) * 1e6, "us")


def _port(url: str) -> int:
    return urlsplit(url).port or 0
