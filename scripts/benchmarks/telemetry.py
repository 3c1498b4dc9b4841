"""Telemetry of 16 workers through their proxies and the daemon, with a listener that reads and one that does not."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from psyche_cli.workers.client import DaemonClient, connect
from psyche_cli.workers.service.worker_pb2 import ListenRequest
from scripts.benchmarks.table import Table

if TYPE_CHECKING:
    from psyche_cli.workers.service.worker_pb2 import Run

WORKERS = 16
STEPS_PER_SECOND = 750
"""Of each worker: 12,000 in all, more than the target."""
SECONDS = 20
_START_SECONDS = 30
"""How long the workers may take to start."""
_PAUSE = 0.25

_PROGRAM = """
import json, os, sys, time
from psyche_cli.workers.worker_side import register
session = register(kind="benchmark")
config = session.config
time.sleep(max(config["start"] - time.time(), 0))
begun, printed = time.time(), 0
while printed < config["steps"]:
    due = min(int((time.time() - begun) * config["rate"]), config["steps"])
    while printed < due:
        printed += 1
        line = {"type": "step", "step": printed, "loss": 5.5 / printed, "tokens_per_second": 1000.5 + printed}
        print(json.dumps({**line, "learning_rate": 0.0004, "phase": "train"}))
    sys.stdout.flush()
    time.sleep(0.02)
session.close()
"""


class Peak(NamedTuple):
    """The largest resident memory of a process, in megabytes."""

    daemon: float
    proxy: float


def measure(folder: Path, table: Table) -> None:
    """Print what was accepted and lost, and the memory of the daemon and the largest proxy."""
    table.section(f"telemetry: {WORKERS} workers, {WORKERS * STEPS_PER_SECOND:,} steps/s for {SECONDS} s")
    program = folder / "worker.py"
    program.write_text(_PROGRAM)
    with connect(folder) as daemon:
        try:
            _measure(daemon, program, table)
        finally:
            daemon.stop(cancel_runs=True)


def _measure(daemon: DaemonClient, program: Path, table: Table) -> None:
    start = time.time() + _START_SECONDS
    configuration = {
        "metadata": {
            "worker": {
                "command": [sys.executable, str(program)],
                "config": {"start": start, "steps": SECONDS * STEPS_PER_SECOND, "rate": STEPS_PER_SECOND},
            },
            "workers": [{"worker_id": f"w{number}"} for number in range(WORKERS)],
        }
    }
    run_id = daemon.submit(configuration).run.run_id
    first = daemon.health().pid
    reader, stalled = _Reader(daemon, run_id), _Stalled(daemon, run_id)
    peak, run = Peak(0, 0), daemon.list_runs(run_id)[0]
    before: dict[int, float] = {}
    latest: dict[int, float] = {}
    while not run.finished_at:
        peak = _peak(peak, first, run)
        processes = [worker.pid for worker in run.workers if worker.pid]
        processes += [first, *(child for pid in processes for child in _children(pid))]
        latest.update({pid: cpu for pid in processes if (cpu := _cpu_seconds(pid)) is not None})
        if time.time() < start:
            before = dict(latest)
        time.sleep(_PAUSE)
        run = daemon.list_runs(run_id)[0]
    used = {pid: seconds - before.get(pid, 0) for pid, seconds in latest.items()}
    reader.join()
    wanted = WORKERS * SECONDS * STEPS_PER_SECOND
    accepted = sum(len(one.events) for one in daemon.steps(run_id))
    rate = (accepted - reader.first) / (reader.last_at - reader.first_at)
    daemon_cpu, others_cpu = used.pop(first) * 1e6 / accepted, sum(used.values()) * 1e6 / accepted
    table.figure("accepted by the daemon", rate, "steps/s", "target: 10,000")
    table.figure("CPU of the daemon", daemon_cpu, "us/step", "with both listeners")
    table.figure("CPU of proxies and workers", others_cpu, "us/step", "after their start")
    table.figure("CPU of all", daemon_cpu + others_cpu, "us/step", f"load of the machine: {os.getloadavg()[0]:.1f}")
    table.figure("dropped by proxies", wanted - accepted, "steps", f"of {wanted:,}")
    table.figure("received by a listener that reads", reader.received, "steps", f"lost: {reader.lost:,}")
    received, lost = stalled.finish()
    table.figure("lost by a listener that stops reading", lost, "steps", f"received: {received:,}")
    table.figure("peak memory of the daemon", peak.daemon, "MB")
    table.figure("peak memory of a proxy", peak.proxy, "MB")
    assert all(worker.state == "TERMINATED" for worker in run.workers), run
    assert reader.received + reader.lost == received + lost == accepted, (reader.received, reader.lost, received, lost)


class _Reader(threading.Thread):
    """A listener that reads as fast as it can, until the run has ended."""

    def __init__(self, daemon: DaemonClient, run_id: str) -> None:
        super().__init__(daemon=True)
        self.received = self.lost = 0
        self.first = 0
        """How many steps came first."""
        self.first_at = self.last_at = 0.0
        """When the first and the latest steps came."""
        self._deliveries = daemon.steps(run_id, follow=True)
        self.start()

    def run(self) -> None:
        for delivery in self._deliveries:
            self.received += len(delivery.events)
            self.lost += delivery.lost
            self.last_at = time.time()
            if not self.first:
                self.first, self.first_at = self.received, self.last_at


class _Stalled:
    """A listener that gives no credits after the first ones, until the run has ended."""

    def __init__(self, daemon: DaemonClient, run_id: str) -> None:
        self._run_id = run_id
        self._credits = threading.Semaphore(0)
        self._ended = False
        self._received = self._lost = 0
        options = daemon.call_options(None)
        self._deliveries = daemon.stub().StreamRunSteps(self._requests(), **options)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def finish(self) -> tuple[int, int]:
        """Read the rest. Returns how many steps were received and lost in all."""
        self._ended = True
        self._credits.release()
        self._thread.join()
        return self._received, self._lost

    def _requests(self) -> Iterator[ListenRequest]:
        yield ListenRequest(run_id=self._run_id, follow=True)
        while True:
            self._credits.acquire()
            yield ListenRequest(credits=400)

    def _read(self) -> None:
        for delivery in self._deliveries:
            self._received += len(delivery.lines)
            self._lost += delivery.lost
            if self._ended:
                self._credits.release()


def _peak(known: Peak, daemon: int, run: Run) -> Peak:
    return Peak(
        max(known.daemon, _peak_megabytes(daemon)),
        max([known.proxy, *(_peak_megabytes(worker.pid) for worker in run.workers if worker.pid)]),
    )


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_megabytes(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
