"""What the parts of the daemon share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from psyche_cli.errors import EngineUnavailable
from psyche_cli.workers.daemon.book import Book
from psyche_cli.workers.daemon.control import Control
from psyche_cli.workers.daemon.daemon_log import DaemonLog
from psyche_cli.workers.daemon.place import Place
from psyche_cli.workers.engines.local import LocalEngine
from psyche_cli.workers.engines.names import LOCAL, ray_address
from psyche_cli.workers.engines.ray_engine import RayEngine
from psyche_cli.workers.registry.rows import Run, Worker
from psyche_cli.workers.storage.layout import RunFolder, WorkersFolder
from psyche_cli.workers.telemetry.ingest import Ingest

Key = tuple[str, str]
"""The ids of a run and of one of its workers."""


UNSENT: Final = ".unsent"
"""The suffix of the files in the logs of a run with telemetry that a proxy could not send."""


class Engines:
    """The engines of this daemon. That of this machine is always open."""

    def __init__(self, folder: WorkersFolder) -> None:
        self._folder = folder.path / "engine"
        self._open: dict[str, Place] = {LOCAL: Place(LocalEngine(self._folder))}

    def of(self, run: Run) -> Place:
        """The engine of a run. Raises EngineUnavailable."""
        name = engine_name(run.config)
        if name not in self._open:
            address = ray_address(name)
            if address is None:
                raise EngineUnavailable(f"There is no engine with the name {name!r}.", engine=name)
            folder = self._folder.with_name(f"engine-ray-{address.replace(':', '-')}")
            self._open[name] = Place(RayEngine(folder, address))
        return self._open[name]

    def names(self) -> list[str]:
        """The names of the engines that were opened."""
        return list(self._open)

    def all(self) -> list[tuple[str, Place]]:
        """The engines that were opened, with their names."""
        return list(self._open.items())

    def close(self) -> None:
        """Close them. Their workers continue."""
        for engine in self._open.values():
            engine.close()


class Site(NamedTuple):
    """What the parts of the daemon share. ``address`` is the daemon's gRPC target."""

    folder: WorkersFolder
    address: str
    book: Book
    control: Control
    engines: Engines
    ingest: Ingest
    log: DaemonLog
    now: Callable[[], float] = time.time


def key_of(worker: Worker) -> Key:
    """The ids of a worker and of its run."""
    return worker.run_id, worker.worker_id


def unsent_file(folder: RunFolder, worker_id: str) -> Path:
    """The file in which the proxy of a worker leaves the telemetry that it could not send."""
    return folder.logs / f"{worker_id}{UNSENT}"


def engine_name(config: str) -> str:
    """The name of the engine in the configuration of a run."""
    return str(json.loads(config).get("payload", {}).get("engine", LOCAL))


def launch_name(worker: Worker) -> str:
    """The name of the current launch of a worker."""
    return f"{worker.run_id}.{worker.worker_id}.{worker.starts}"
