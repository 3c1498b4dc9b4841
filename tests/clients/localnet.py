"""A local validator in a separate process, as users of the clients start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from solana.rpc.api import Client
from solana.rpc.async_api import AsyncClient

from tests.support.patience import PATIENCE


@dataclass(frozen=True)
class Cluster:
    """The URLs of a running validator."""

    rpc_url: str
    ws_url: str

    def warp_slots(self, slots: int) -> None:
        """Advance the slot with a control method of the local validator, which no client supports."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "localnet_warpSlots", "params": [slots]}
        request = urllib.request.Request(self.rpc_url, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert "result" in json.load(answer)

    @contextmanager
    def slots_passing(self, client: Client | AsyncClient) -> Iterator[None]:
        """Let 50 slots pass after each answer that a solana-py client gets, while it waits for slots to pass.

        Not in a thread of its own: the client fails when the slots that it waits for have passed when it first looks.
        """

        def warp(_: object) -> None:
            self.warp_slots(50)

        async def warp_for_async_client(_: object) -> None:
            warp(_)

        http: httpx.Client | httpx.AsyncClient = client._provider.session
        hook = warp if isinstance(http, httpx.Client) else warp_for_async_client
        http.event_hooks["response"].append(hook)
        try:
            yield
        finally:
            http.event_hooks["response"].remove(hook)


@contextmanager
def running_localnet(home: Path, *, slot_seconds: float = 0) -> Iterator[Cluster]:
    """``psyche-cli localnet`` on free ports with the stand-ins loaded, stopped at the end.

    Unless ``slot_seconds`` says otherwise, slots pass only when warped: no blockhash gets too old because the machine
    is busy, and none is still the same because it is fast.
    """
    options = ["--rpc-port", "0", "--slot-time", str(slot_seconds), "--output", "json"]
    command = [sys.executable, "-m", "psyche_cli", "localnet", *options]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    talk = home / "localnet.log"
    with talk.open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, talk.read_text()
            ready = json.loads(line)["data"]
            yield Cluster(ready["rpc_url"], ready["ws_url"])
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, talk.read_text()
