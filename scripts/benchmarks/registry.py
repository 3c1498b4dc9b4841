"""The registry of workers: submissions and transitions on a local disk."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from psyche_cli.lifecycle.worker import EXITED
from psyche_cli.workers.client import connect
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.submission import parse_submission
from psyche_cli.workers.storage.layout import WorkersFolder
from scripts.benchmarks.table import Table, milliseconds

_RUNS = 200
_MANY = 5000
_WORKERS = 4
_IDLE_SECONDS = 10.0


def measure(folder: Path, table: Table) -> None:
    """Submit runs, and bring each worker from INIT to TERMINATED."""
    table.section("registry of workers (SQLite, write-ahead log)")
    numbers = itertools.count()

    def submit() -> None:
        metadata = {"run_name": str(next(numbers)), "worker": {"command": ["true"]}}
        registry.submit(parse_submission(json.dumps({"metadata": metadata})), at=time.time())

    with closing(Registry(folder / "registry.db")) as registry:
        submit()
        table.time("submit a run", milliseconds(submit, _RUNS))
        workers = registry.waiting()
        start = time.perf_counter()
        for worker in workers:
            key, at = (worker.run_id, worker.worker_id), time.time()
            registry.start(*key, at=at)
            token = registry.issue_token(*key, "launch", at=at)
            registry.register(*key, token, accepted=True, at=at)
            registry.heard_from(*key, at=at, telemetry=True)
            registry.transition(*key, EXITED, ["exit-code-0"], at=at, exit_code=0)
        seconds = time.perf_counter() - start
        table.figure("transitions", 4 * len(workers) / seconds, "per second", "each checked, with its history")
        table.time("overview of all runs", milliseconds(registry.overview, 50), f"{len(workers)} runs")
    _many_runs(folder / "many", table)


def _many_runs(state: Path, table: Table) -> None:
    """What readers pay for runs that ended long ago."""
    table.section(f"{_MANY:,} runs of {_WORKERS} workers that have ended, each with a configuration of 10 kB")
    workers_folder = WorkersFolder.of_state(state)
    with closing(Registry(workers_folder.registry)) as registry:
        for number in range(_MANY):
            workers = [{"command": ["true"], "config": {"text": "x" * 2500}} for _ in range(_WORKERS)]
            metadata = {"run_name": str(number), "workers": workers}
            run_id = registry.submit(parse_submission(json.dumps({"metadata": metadata})), at=time.time()).run.run_id
            registry.cancel(run_id, at=time.time())
        table.figure("size of the registry", workers_folder.registry.stat().st_size / 1e6, "MB")
        table.time("overview of the latest 100", milliseconds(lambda: registry.overview(limit=100), 50))
        table.time("ids of the open runs", milliseconds(registry.open_run_ids, 300))
        table.time("page of 200", milliseconds(lambda: registry.page(limit=200), 50))
    command = [sys.executable, "-m", "psyche_cli", "workers", "list", "--state-dir", str(state)]
    table.time(
        "psyche-cli workers list, a process",
        milliseconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True), 9),
    )
    with connect(state) as daemon:
        table.time("GetHealth", milliseconds(daemon.health, 100))
        table.time("ListRuns, the latest 200", milliseconds(lambda: daemon.list_runs(limit=200), 20))
        table.time("ListRuns, all, in pages", milliseconds(daemon.list_runs, 3))
        pid = daemon.health().pid
        before, start = _processor_seconds(pid), time.perf_counter()
        time.sleep(_IDLE_SECONDS)
        used = (_processor_seconds(pid) - before) / (time.perf_counter() - start)
        table.figure("processor time of the idle daemon", used * 1000, "ms per second")
        daemon.stop()


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
