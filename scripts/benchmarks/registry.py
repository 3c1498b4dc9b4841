"""The registry of workers: submissions and transitions on a local disk."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import closing
from pathlib import Path

from psyche_cli.lifecycle.worker import EXITED
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.submission import parse_submission
from scripts.benchmarks.table import Table, milliseconds

_RUNS = 200


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
