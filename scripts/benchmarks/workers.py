"""The worker daemon: its start, a call, and the time from a submission to a worker that is ready."""

from __future__ import annotations

import sys
from pathlib import Path

from psyche_cli.workers.client import DaemonClient, connect
from scripts.benchmarks.table import Table, milliseconds

_PROGRAM = 'from psyche_cli.workers.worker_side import register; register(kind="benchmark").wait_for_end()'
_CALLS = 300


def measure(folder: Path, table: Table, repeat: int) -> None:
    """Print how long the daemon takes. Each is the median of several."""
    table.section("workers: the daemon")
    clients: list[DaemonClient] = []

    def start() -> None:
        state = folder / str(len(clients))
        clients.append(connect(state))

    table.time("start on demand, until a client is connected", milliseconds(start, repeat))
    client, *others = clients
    for other in others:
        other.stop()
    table.time("unary call (GetHealth)", milliseconds(client.health, _CALLS))
    table.time("SubmitRun to READY, with the worker's imports", milliseconds(lambda: _ready(client), repeat))
    client.stop(cancel_runs=True)


def _ready(client: DaemonClient) -> None:
    number = len(client.list_runs())
    worker = {"command": [sys.executable, "-c", _PROGRAM], "config": {"number": number}}
    run_id = client.submit({"metadata": {"worker": worker}}).run.run_id
    for change in client.watch_runs(run_id):
        if change.run.status == "READY":
            break
