"""The engines of workers: how long it takes to start a worker, to poll it, to read its log, and to see it end."""

from __future__ import annotations

import importlib.util
import os
import signal
import time
from contextlib import closing
from itertools import count
from pathlib import Path

from psyche_cli.workers.engines.engine import Engine, Launch, Running
from psyche_cli.workers.engines.local import LocalEngine
from psyche_cli.workers.engines.ray_engine import RayEngine
from scripts.benchmarks.table import Table, milliseconds
from tests.support.ray_cluster import SharedCluster

LOG_BYTES = 64 * 1024


def measure(folder: Path, table: Table, repeat: int) -> None:
    """Measure the engine of this machine, and that of a Ray cluster of two nodes if Ray is installed."""
    _measure("local", LocalEngine(folder / "local"), folder, table, repeat)
    if importlib.util.find_spec("ray") is None:
        table.section("engine ray: not measured, because Ray is not installed")
        return
    with closing(SharedCluster()) as shared:
        cluster = shared.opened(folder / "cluster")
        variables = {**os.environ, **cluster.variables}
        _measure("ray", RayEngine(folder / "ray", cluster.address, variables), folder, table, repeat)


def _measure(name: str, engine: Engine, folder: Path, table: Table, repeat: int) -> None:
    table.section(f"engine {name} (ratio to a launch)")
    numbers = count()
    handles: list[str] = []

    def launch() -> None:
        stdout, stderr = folder / f"{name}-stdout.log", folder / f"{name}-stderr.log"
        code = f"head -c {LOG_BYTES} /dev/zero; exec sleep 1000"
        launch = Launch(f"worker-{next(numbers)}", ("sh", "-c", code), {}, folder, stdout, stderr)
        handles.append(engine.launch(launch))

    table.time("launch, until the worker runs", milliseconds(launch, repeat))
    table.time("poll", milliseconds(lambda: engine.poll(handles[0]), 10 * repeat))
    table.time("64 KiB of a log", milliseconds(lambda: engine.read_log(handles[0], "stdout"), 10 * repeat))
    running = iter(handles)

    def end() -> None:
        handle = next(running)
        engine.signal(handle, signal.SIGTERM)
        while isinstance(engine.poll(handle), Running):
            time.sleep(0.001)

    table.time("SIGTERM, until the exit is known", milliseconds(end, repeat))
    ended = iter(handles)
    table.time("forget", milliseconds(lambda: engine.forget(next(ended)), repeat))
    engine.close()
