"""A local validator as a process of its own, as the users of the clients start one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SLOT_SECONDS = 0.03
"""Short slots: 150 of them, the life of a blockhash, are 4.5 seconds."""

_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Cluster:
    """Where a running validator answers."""

    rpc_url: str
    ws_url: str


@contextmanager
def running_localnet(home: Path, *, slot_seconds: float = SLOT_SECONDS) -> Iterator[Cluster]:
    """``psyche-cli localnet`` on free ports with the stand-ins loaded, stopped at the end."""
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
            process.communicate(timeout=_STOP_SECONDS)
    assert process.returncode == 0, talk.read_text()
