"""A server that runs in the event loop of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psyche_cli.localnet.server.http import LocalServer
from psyche_cli.localnet.server.ports import bind_pair
from tests.localnet.harness import Chain


@asynccontextmanager
async def serving(chain: Chain) -> AsyncIterator[LocalServer]:
    """Serve a chain on free ports."""
    server = LocalServer(chain.dispatcher, bind_pair(0))
    started, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(server.serve(started, stop))
    await started.wait()
    try:
        yield server
    finally:
        stop.set()
        await task
