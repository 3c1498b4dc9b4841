"""The server of the dashboard: listeners that are slow or too many, and runs that are too many."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.in_process import InProcessValidator
from psyche_cli.operations.dashboard.dashboard import MOST_RUNS, Dashboard
from psyche_cli.operations.dashboard.feed import Sources
from psyche_cli.operations.dashboard.hub import LIST_TOPIC, MOST_LISTENERS, Hub, Update
from psyche_cli.operations.dashboard.server import DashboardServer
from psyche_cli.operations.listening import ListenAddress
from psyche_cli.operations.serving.sockets import bind
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.addresses import instance_address
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.suggestions import NOTHING_GIVEN
from tests.support.patience import PATIENCE

RUNS = [f"run-{number}" for number in range(MOST_RUNS + 1)]
ADDRESSES = [str(instance_address(one, PUBLISHED)) for one in RUNS]
SMALL = 4_096


class Serving(NamedTuple):
    """A server on a free port, and what it has reported."""

    hub: Hub
    port: int
    reported: list[str]
    writers: list[asyncio.StreamWriter]

    async def ask(self, path: str, small: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection that has asked for a path. If it is ``small``, its buffers are."""
        raw = socket.socket()
        if small:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=SMALL if small else 1 << 22)
        self.writers.append(writer)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return reader, writer

    async def answer(self, path: str) -> tuple[int, str]:
        """The status and the error of an answer."""
        reader, _ = await self.ask(path)
        head = await reader.readuntil(b"\r\n\r\n")
        [length] = re.findall(rb"(?i)content-length: ([0-9]+)", head)
        body = json.loads(await reader.readexactly(int(length)))
        return int(head.split()[1]), body["error"]


@asynccontextmanager
async def serving(folder: Path, delivery_seconds: float) -> AsyncIterator[Serving]:
    """A dashboard of runs that do not exist."""
    with InProcessValidator() as validator:
        hub, reported = Hub(asyncio.get_running_loop()), list[str]()

        def client() -> RpcClient:
            return RpcClient(validator.open_transport(), SystemClock())

        session = Session(client(), PUBLISHED, reported.append, NOTHING_GIVEN, another_client=client)
        bound = bind(ListenAddress(ip_address("127.0.0.1"), 0), what="It", change="none")
        dashboard = Dashboard(Sources(session, folder, hub, str), RUNS)
        server = DashboardServer(
            dashboard, hub, bound, token="", redacted=str, report=reported.append, delivery_seconds=delivery_seconds
        )
        try:
            async with server.running():
                one = Serving(hub, bound.getsockname()[1], reported, [])
                yield one
                for writer in one.writers:
                    writer.transport.abort()
        finally:
            dashboard.end()
        assert reported == []


def run(folder: Path, test: Callable[[Serving], Awaitable[None]], delivery_seconds: float = PATIENCE) -> None:
    async def within() -> None:
        async with serving(folder, delivery_seconds) as one:
            await asyncio.wait_for(test(one), PATIENCE)

    asyncio.run(within())


async def event(reader: asyncio.StreamReader, name: str) -> str:
    """The data of the next event with a name."""
    while (line := await reader.readline()) != f"event: {name}\n".encode():
        assert line, "the stream has ended"
    return (await reader.readline()).decode()


def test_a_listener_that_does_not_read_is_dropped_without_harm_to_others(tmp_path: Path) -> None:
    async def test(one: Serving) -> None:
        reader, _ = await one.ask("/api/updates")
        await event(reader, "status")
        _, slow = await one.ask("/api/updates", small=True)
        slow_transport = slow.transport
        slow_transport.pause_reading()  # type: ignore[attr-defined]
        number, document = 0, "x" * 1_000_000
        while len(one.hub._listeners) < 2:
            await asyncio.sleep(0)
        while len(one.hub._listeners) == 2:
            number += 1
            one.hub.publish(Update(LIST_TOPIC, "test", f"{number} {document}"))
            assert await event(reader, "test") == f"data: {number} {document}\n"
        assert number > 1
        while not slow.transport.is_closing():  # the connection is gone, not only the listener
            slow.write(b"x")
            await asyncio.sleep(0)

    run(tmp_path, test, delivery_seconds=0.2)


def test_more_listeners_than_allowed_are_refused(tmp_path: Path) -> None:
    async def test(one: Serving) -> None:
        opened = [await one.ask("/api/updates") for _ in range(MOST_LISTENERS)]
        for reader, _ in opened:
            await event(reader, "status")
        refusal = 503, f"{MOST_LISTENERS} pages are open, which is the maximum."
        assert await one.answer("/api/updates") == refusal
        assert await one.answer(f"/api/updates?run={ADDRESSES[0]}") == refusal
        opened[0][1].transport.abort()
        while len(one.hub._listeners) == MOST_LISTENERS:
            one.hub.publish(Update(LIST_TOPIC, "runs", "{}"))
            await asyncio.sleep(0)
        opened.append(await one.ask("/api/updates"))
        await event(opened[-1][0], "status")

    run(tmp_path, test)


def test_more_runs_than_allowed_are_refused(tmp_path: Path) -> None:
    async def test(one: Serving) -> None:
        opened = [await one.ask(f"/api/updates?run={address}") for address in ADDRESSES[:MOST_RUNS]]
        for reader, _ in opened:
            await event(reader, "status")
        status, sentence = await one.answer(f"/api/runs/{ADDRESSES[-1]}")
        assert (status, sentence) == (503, f"{MOST_RUNS} runs are open, which is the maximum.")

    run(tmp_path, test)
