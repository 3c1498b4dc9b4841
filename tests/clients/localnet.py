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
        """Context manager: advance 50 slots after each response to a solana-py client, which may be waiting for slots.

        This is not done in a separate thread, because the client fails if the slots have already passed at its first
        request.
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

    By default, slots advance only by warping, so that no blockhash expires on a slow machine, and no two are equal on a
    fast one.
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
