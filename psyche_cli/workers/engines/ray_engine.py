"""Workers on an existing Ray cluster."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import secrets
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from psyche_cli.errors import EngineUnavailable
from psyche_cli.extras import install_hint
from psyche_cli.workers.engines.engine import (
    GRACE_SECONDS,
    LOG_PART,
    Condition,
    Launch,
    Lost,
    Running,
    Stream,
    check_name,
    condition,
    refusal,
)
from psyche_cli.workers.engines.held_process import read_part
from psyche_cli.workers.engines.holder import MARK, read_document, write_document
from psyche_cli.workers.engines.names import is_address
from psyche_cli.workers.engines.ray_connection import LaunchRefused, RayConnection

_KIND: Final = "ray"
_RECORD: Final = ".json"
_LAUNCH_SECONDS: Final = 60.0
_ANSWER_SECONDS: Final = 30.0
"""Longer than a request to an actor takes."""
_REMOVE_SECONDS: Final = 60.0
"""Longer than the end of an actor takes."""
_RESOURCES_HINT: Final = "Request fewer GPUs or CPUs, or add a node that has them to the cluster."


class RayEngine:
    """Runs workers on the nodes of a Ray cluster, each in a detached actor. It neither starts nor stops the cluster.

    ``address`` is ``HOST:PORT`` of the cluster, of which this machine is a node. ``launch_seconds`` is how long a
    launch waits for GPUs and CPUs. ``folder`` contains a record of each worker. The folders of workers and logs must be
    shared by the nodes.
    """

    has_scheduler = True

    def __init__(
        self,
        folder: Path,
        address: str,
        variables: Mapping[str, str] | None = None,
        launch_seconds: float = _LAUNCH_SECONDS,
    ) -> None:
        if not is_installed():
            raise EngineUnavailable("Ray is not installed.", hint=install_hint("ray"), engine=_KIND)
        if not is_address(address):
            raise EngineUnavailable(
                "Invalid address of a Ray cluster: HOST:PORT is required.",
                hint="`ray start --head` prints the address; its port is 6379 by default.",
                engine=_KIND,
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._launch_seconds = launch_seconds
        self._connection = RayConnection(address, _namespace(folder), folder / "ray.log", variables)
        self._launching: set[str] = set()
        self._lock = threading.Lock()

    def launch(self, launch: Launch) -> str:
        """See Engine."""
        check_name(launch)
        mark = secrets.token_hex(16)
        task = {
            "mark": mark,
            "argv": launch.argv,
            "folder": str(launch.folder),
            "stdout": str(launch.stdout_log),
            "stderr": str(launch.stderr_log),
            "grace": GRACE_SECONDS,
        }
        record = {"mark": mark, "stdout": task["stdout"], "stderr": task["stderr"], "node": "", "pid": 0}
        try:
            with self._path(launch.name).open("x", encoding="utf-8") as file:
                json.dump(record, file)
        except FileExistsError:
            raise refusal(launch, "a worker with this name was already started") from None
        with self._lock:
            self._launching.add(launch.name)
        try:
            started = self._connection.call(
                "launch",
                self._launch_seconds + _ANSWER_SECONDS,
                name=launch.name,
                task=task,
                variables={**launch.env, MARK: mark},
                gpus=launch.gpus,
                cpus=launch.cpus,
                seconds=self._launch_seconds,
            )
        except LaunchRefused as problem:
            self._path(launch.name).unlink()
            lacking = "Ray cluster" in str(problem)
            raise refusal(launch, str(problem), _RESOURCES_HINT if lacking else "") from None
        finally:
            with self._lock:
                self._launching.discard(launch.name)
        write_document(self._path(launch.name), {**record, **started})
        return f"{_KIND}:{launch.name}:{mark}"

    def find(self, name: str) -> str | None:
        """See Engine."""
        mark = read_document(self._path(name)).get("mark")
        return f"{_KIND}:{name}:{mark}" if mark else None

    def names(self) -> tuple[str, ...]:
        """See Engine."""
        return tuple(sorted(path.name.removesuffix(_RECORD) for path in self._folder.glob(f"*{_RECORD}")))

    def poll(self, handle: str) -> Condition:
        """See Engine. While a node cannot be reached and has not been declared dead, its workers count as running."""
        name, record = self._recorded(handle)
        if not record:
            return Lost("The engine has no record of it.")
        if "end" in record:
            return condition(record["end"])
        found: dict[str, Any] = self._connection.call("poll", _ANSWER_SECONDS, name=name, node=record["node"])
        with self._lock:
            launching = name in self._launching
        if "unknown" in found or launching:
            if launching or record["node"] or record["pid"]:
                return Running(record["pid"], record.get("address", ""))
            found = {"lost": "Its launch was interrupted."}
        if "running" in found:
            if record["pid"] != found["running"]:
                write_document(self._path(name), {**record, "pid": found["running"]})
            return Running(found["running"], record.get("address", ""))
        if "lost" in found:
            self._connection.call("remove", _REMOVE_SECONDS, name=name)
        write_document(self._path(name), {**record, "end": found})
        return condition(found)

    def signal(self, handle: str, number: int) -> None:
        """See Engine."""
        name, record = self._recorded(handle)
        if record and "end" not in record:
            self._connection.call("send_signal", _ANSWER_SECONDS, name=name, number=number)

    def read_log(self, handle: str, stream: Stream, offset: int = 0, limit: int = LOG_PART) -> bytes:
        """See Engine. The log of a worker whose actor has ended is read from the shared folder."""
        name, record = self._recorded(handle)
        if not record:
            return b""
        part = self._connection.call("read_log", _ANSWER_SECONDS, name=name, stream=stream, offset=offset, limit=limit)
        return read_part(record[stream], offset, limit) if part is None else base64.b64decode(part)

    def forget(self, handle: str) -> None:
        """See Engine. This also returns the GPUs and CPUs of the worker to the cluster."""
        name, record = self._recorded(handle)
        if record:
            self._connection.call("remove", _REMOVE_SECONDS, name=name)
            self._path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """See Engine."""
        self._connection.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_RECORD}"

    def _recorded(self, handle: str) -> tuple[str, dict[str, Any]]:
        """The name of a launch and its record, which is empty if it was forgotten."""
        kind, _, rest = handle.partition(":")
        name, _, mark = rest.partition(":")
        record = read_document(self._path(name)) if kind == _KIND and mark else {}
        return name, record if record.get("mark") == mark else {}


def is_installed() -> bool:
    """Whether the package ray is installed."""
    return importlib.util.find_spec("ray") is not None


def _namespace(folder: Path) -> str:
    """The namespace of the folder's actors, so that several daemons can use a cluster."""
    path = folder / "namespace"
    with suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"psyche-cli-{secrets.token_hex(8)}")
    return path.read_text(encoding="utf-8")
