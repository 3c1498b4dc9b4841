"""The places where the tests of engines run workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from psyche_cli.workers.engines.engine import Condition, Engine, Launch, Running
from psyche_cli.workers.engines.holder import marked_processes
from psyche_cli.workers.engines.local import LocalEngine
from psyche_cli.workers.engines.ray_engine import RayEngine
from tests.support.patience import PATIENCE
from tests.support.ray_cluster import RayCluster

PAUSE = 0.02
HOLDER = b"holder.py"
"""A part of the command of the process that holds a worker."""


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(PAUSE)


class Place:
    """A folder with an engine, and what it takes to look at the processes of its workers."""

    kind = "local"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.marks: set[str] = set()
        self.engine = self.open()

    def open(self) -> Engine:
        """A new engine with the same folder, as a new daemon opens it."""
        return LocalEngine(self.folder / "engine", {**os.environ, "RAW_WALLET_PRIVATE_KEY": "secret"})

    def task(self, name: str, *argv: str, **more: Any) -> Launch:
        """A launch with the logs NAME.out and NAME.err."""
        logs = self.folder / "logs"
        launch = Launch(name, argv, {}, self.work, logs / f"{name}.out", logs / f"{name}.err")
        return launch._replace(**more)

    def python(self, name: str, code: str, **more: Any) -> Launch:
        """A launch of Python code."""
        return self.task(name, sys.executable, "-c", code, **more)

    def start(self, launch: Launch) -> str:
        handle = self.engine.launch(launch)
        self.marks.add(handle.rpartition(":")[2])
        return handle

    def end_of(self, handle: str, engine: Engine | None = None) -> Condition:
        """How a worker ended."""
        engine = engine or self.engine
        until(lambda: not isinstance(engine.poll(handle), Running))
        return engine.poll(handle)

    def printed(self, handle: str, text: bytes) -> None:
        """Wait until a worker has printed a text."""
        until(lambda: text in self.engine.read_log(handle, "stdout"))

    def pids(self, handle: str) -> list[int]:
        """The processes of a worker, without its holder."""
        return [pid for pid, command in self._commands(handle) if HOLDER not in command]

    def holder(self, handle: str) -> int:
        """The process that holds a worker."""
        return next(pid for pid, command in self._commands(handle) if HOLDER in command)

    def _commands(self, handle: str) -> Iterator[tuple[int, bytes]]:
        for pid in marked_processes(handle.rpartition(":")[2]):
            with suppress(FileNotFoundError, ProcessLookupError):
                if command := Path(f"/proc/{pid}/cmdline").read_bytes():  # empty: it has ended meanwhile
                    yield pid, command

    def kill_holder(self, handle: str) -> None:
        os.kill(self.holder(handle), signal.SIGKILL)

    def launch_and_die(self, launch: Launch) -> None:
        """Launch a worker in another process that is then killed, as a daemon may be."""
        document = json.dumps([*launch], default=str)
        code = (
            "import json, os, signal, sys; from pathlib import Path; from psyche_cli.workers.engines.engine import *; "
            f"{self.opening()}; name, argv, env, *paths = json.loads(sys.argv[2]); "
            "engine.launch(Launch(name, tuple(argv), env, *map(Path, paths[:3]))); os.kill(os.getpid(), signal.SIGKILL)"
        )
        command = [sys.executable, "-c", code, str(self.folder / "engine"), document]
        ended = subprocess.run(command, capture_output=True, check=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGKILL, b"", b"")
        handle = self.engine.find(launch.name)
        assert handle
        self.marks.add(handle.rpartition(":")[2])

    def opening(self) -> str:
        """Python code that opens the engine of the folder ``sys.argv[1]``."""
        return "from psyche_cli.workers.engines.local import LocalEngine; engine = LocalEngine(Path(sys.argv[1]))"

    def close(self) -> None:
        """Forget all workers; nothing of them may be left."""
        with closing(self.engine):
            for name in self.engine.names():
                handle = self.engine.find(name)
                assert handle
                self.engine.forget(handle)
            assert self.engine.names() == ()
        assert {mark: marked_processes(mark) for mark in self.marks if marked_processes(mark)} == {}


class RayPlace(Place):
    """A folder with the engine of a Ray cluster on this machine."""

    kind = "ray"

    def __init__(self, folder: Path, cluster: RayCluster) -> None:
        self.cluster = cluster
        super().__init__(folder)

    def open(self, launch_seconds: float = PATIENCE) -> Engine:
        variables = {**os.environ, **self.cluster.variables, "RAW_WALLET_PRIVATE_KEY": "secret"}
        return RayEngine(self.folder / "engine", self.cluster.address, variables, launch_seconds)

    def opening(self) -> str:
        variables = f"os.environ.update({self.cluster.variables})"
        create = f"RayEngine(Path(sys.argv[1]), {self.cluster.address!r}, os.environ)"
        return f"from psyche_cli.workers.engines.ray_engine import RayEngine; {variables}; engine = {create}"
