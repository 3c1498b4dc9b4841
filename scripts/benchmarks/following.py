"""How fast a change of a run is reported, and what that costs: ``watch`` beside the WebSocket client of solana-py.

Each follower is a process of its own, whose connections lead through relays that count bytes. A change is a member that
joins. The times are from the sending of its transaction to the line that the follower prints, and include its
execution. The client of solana-py only receives the account: it neither decodes it nor says what has changed.
"""

from __future__ import annotations

import os
import queue
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import Wallet
from scripts.benchmarks.shell import CLI, Shell
from scripts.benchmarks.table import Table
from tests.support.run_driver import CONFIG, RunDriver

CHANGES: Final = 30

_PATIENCE: Final = 60.0
_SUBSCRIBED_AFTER: Final = 2.0
"""Seconds after its first line until a follower has subscribed."""
_LARGE: Final = ("init_min_clients", "global_batch_size_start", "global_batch_size_end")
"""Keys of the configuration that let many members join and wait."""
_NO_SERVER: Final = "ws://127.0.0.1:9"

_SOLANA_PY: Final = """
import asyncio, sys
from solana.rpc.commitment import Confirmed
from solana.rpc.websocket_api import connect
from solders.pubkey import Pubkey
async def main(url, address):
    async with connect(url) as websocket:
        await websocket.account_subscribe(Pubkey.from_string(address), Confirmed, "base64")
        print("connected", flush=True)
        await websocket.recv()
        async for _ in websocket:
            print("change", flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


class Relay:
    """A TCP server in front of the one at ``url``. ``count`` are the bytes that passed, in both directions."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._upstream = (parts.hostname or "", parts.port or 0)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.count = 0
        self.url = f"{parts.scheme}://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            near, _ = self._server.accept()
            far = socket.create_connection(self._upstream)
            for source, target in ((near, far), (far, near)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._copy, args=(source, target), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self.count += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()


class Sender(HttpTransport):
    """Sends requests; ``sent_at`` is when the last transaction was sent, by the monotonic clock."""

    sent_at = 0.0

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if b'"sendTransaction"' in body:
            self.sent_at = time.monotonic()
        return super().send(body, timeout=timeout)


class Follower(NamedTuple):
    """A process that prints a line per change. ``lines`` are the times, by the monotonic clock, of its lines."""

    process: subprocess.Popen[bytes]
    lines: queue.SimpleQueue[float]

    def processor_time(self) -> float:
        """Milliseconds of processor time so far (only on Linux; elsewhere 0)."""
        path = Path(f"/proc/{self.process.pid}/stat")
        if not path.exists():
            return 0.0
        user, system = path.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * 1000 / os.sysconf("SC_CLK_TCK")


@contextmanager
def following(shell: Shell, *words: str) -> Iterator[Follower]:
    """A follower, which is ended after the block."""
    process = subprocess.Popen(words, env=shell.environment(), cwd=shell.folder, stdout=subprocess.PIPE)
    lines: queue.SimpleQueue[float] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for _ in process.stdout:
            lines.put(time.monotonic())

    threading.Thread(target=read, daemon=True).start()
    try:
        yield Follower(process, lines)
    finally:
        process.terminate()
        process.wait()


def measure(shell: Shell, table: Table) -> None:
    """Print the delay, the bytes and the processor time per change, and those per minute without changes."""
    table.section("a followed run: from the sending of a transaction to its event")
    owner = Wallet.generate()
    with shell.validator("--airdrop", f"{owner.address}=1000") as validator:
        sender = Sender(validator.rpc_url)
        run = RunDriver(sender, owner)
        run.create({**CONFIG, **dict.fromkeys(_LARGE, 250)})
        run.resume()
        members = iter(run.add_members(3 * CHANGES))
        relays = Relay(validator.rpc_url), Relay(validator.ws_url)
        watch = (CLI, "watch", "--run-id", run.run_id, "--output", "json-compact", "--quiet", "--rpc", relays[0].url)
        followers: dict[str, tuple[str, ...]] = {
            "solana-py, WebSocket": (
                *(sys.executable, "-c", _SOLANA_PY, relays[1].url),
                str(run.instance.coordinator_account),
            ),
            "watch, WebSocket": (*watch, "--ws-rpc", relays[1].url),
            "watch, polling": (*watch, "--ws-rpc", _NO_SERVER),
        }
        for name, words in followers.items():
            with following(shell, *words) as follower:
                follower.lines.get(timeout=_PATIENCE)  # the beginning
                time.sleep(_SUBSCRIBED_AFTER)
                before = _costs(follower, relays)
                table.time(name, sorted(_delay(follower, run, next(members), sender) for _ in range(CHANGES)))
                after = _costs(follower, relays)
                time.sleep(60.0)
                idle = _costs(follower, relays)
            for what, cost in (("processor time", 0), ("bytes", 1)):
                unit = ("ms", "bytes")[cost]
                table.figure(f"  {what} per change", (after[cost] - before[cost]) / CHANGES, unit)
                table.figure(f"  {what} per minute without changes", idle[cost] - after[cost], unit)


def _delay(follower: Follower, run: RunDriver, member: int, sender: Sender) -> float:
    """The milliseconds from the sending of a member's transaction to the line of the follower."""
    time.sleep(random.uniform(0.1, 0.5))
    run.join(member)
    return (follower.lines.get(timeout=_PATIENCE) - sender.sent_at) * 1000


def _costs(follower: Follower, relays: Sequence[Relay]) -> tuple[float, int]:
    """Milliseconds of processor time and bytes so far."""
    return follower.processor_time(), sum(relay.count for relay in relays)
