"""Real daemons for tests, and what their workers do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psyche_cli.workers.client import DaemonClient, connect
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.service import worker_pb2
from psyche_cli.workers.storage.layout import WorkersFolder

ROOT = Path(__file__).parent.parent.parent
PROGRAM = "tests.workers.program"
PATIENCE = 60.0
"""Seconds within which everything happens on a loaded machine; a test that succeeds does not wait for it."""


def configuration(*workers: dict[str, Any], **payload: Any) -> dict[str, Any]:
    """A run whose workers are tests.workers.program with these configurations."""
    listed = [{"module": PROGRAM, "worker_id": f"w{number}", "config": one} for number, one in enumerate(workers)]
    return {"metadata": {"workers": listed}, "payload": payload}


class Daemon:
    """A daemon of a state folder, in a process of its own."""

    def __init__(self, state: Path, *options: str, variables: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.variables = {**os.environ, "PYTHONPATH": str(ROOT), **(variables or {})}
        self.folder = WorkersFolder.of_state(state)
        self.options = options
        self.start()

    def start(self) -> None:
        """Start it, and wait until it accepts calls."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "psyche_cli.workers.daemon", str(self.state), *self.options],
            env=self.variables,
            start_new_session=True,
        )
        wait_until(lambda: self.is_ready or self.process.poll() is not None)
        assert self.is_ready, self.log

    @property
    def is_ready(self) -> bool:
        found = read_daemon_file(self.folder.daemon_pid)
        return found is not None and found.pid == self.process.pid

    @property
    def log(self) -> str:
        return self.folder.daemon_log.read_text()

    def client(self) -> DaemonClient:
        return connect(self.state, start=False)

    def kill(self) -> None:
        """Kill it without notice."""
        self.process.kill()
        self.process.wait()

    def history(self, run_id: str, worker_id: str = "w0") -> list[str]:
        """The states that a worker was in."""
        registry = Registry(self.folder.registry)
        try:
            return [move.target for move in registry.history(run_id) if move.worker_id == worker_id]
        finally:
            registry.close()

    def close(self) -> None:
        """Cancel what is open, and stop it."""
        try:
            if self.process.poll() is None:
                with self.client() as client:
                    client.stop(cancel_runs=True)
        except BaseException:  # it does not end; the test fails, and no other one
            self.process.kill()
            raise
        finally:
            self.process.wait()


@contextmanager
def daemon(state: Path, *options: str, variables: Mapping[str, str] | None = None) -> Iterator[Daemon]:
    """A daemon that leaves nothing behind. ``variables`` are added to its environment."""
    running = Daemon(state, *options, variables=variables)
    try:
        yield running
    finally:
        if running.process.poll() is not None:  # its workers may still run
            running.start()
        running.close()


def wait_until(holds: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Wait until a function returns something true."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def run_reaching(client: DaemonClient, run_id: str, status: str) -> worker_pb2.Run:
    """Wait until a run has a status, and return it."""
    for change in client.watch_runs(run_id):
        if change.run.status == status:
            return change.run
        assert not change.run.finished_at, change.run
    raise AssertionError


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if sys.platform == "linux" else True


def noted(path: Path) -> dict[str, Any]:
    """What a worker has noted about itself, once it has."""
    wait_until(lambda: path.exists() and path.read_text())
    return dict(json.loads(path.read_text()))


def stop_process(pid: int) -> None:
    """Freeze a process, which then gives no sign of life."""
    os.kill(pid, signal.SIGSTOP)
