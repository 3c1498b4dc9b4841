"""Workers on this machine."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from psyche_cli.workers.engines import holder as holder_script
from psyche_cli.workers.engines.engine import (
    GRACE_SECONDS,
    LOG_PART,
    Condition,
    Launch,
    Lost,
    Stream,
    check_name,
    condition,
    refusal,
)
from psyche_cli.workers.engines.held_process import HeldProcess
from psyche_cli.workers.engines.holder import MARK, inherited

_KIND: Final = "local"
_REAP_SECONDS: Final = 10.0


class LocalEngine:
    """Runs workers as processes of this machine. It keeps a folder for each of them in ``folder``.

    ``variables`` is the environment of which workers inherit a part; this process's environment by default. The folder
    must be on a local disk.
    """

    has_scheduler = False

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._variables = dict(os.environ if variables is None else variables)
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def launch(self, launch: Launch) -> str:
        """See Engine."""
        check_name(launch)
        mark = secrets.token_hex(16)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = HeldProcess(self._folder / launch.name)
        devices = ",".join(map(str, launch.slots))
        variables = {**inherited(self._variables), "CUDA_VISIBLE_DEVICES": devices, **launch.env, MARK: mark}
        task: dict[str, object] = {
            "mark": mark,
            "argv": launch.argv,
            "folder": str(launch.folder),
            "stdout": str(launch.stdout_log),
            "stderr": str(launch.stderr_log),
            "grace": GRACE_SECONDS,
        }
        try:
            holder, problem = held.start(task, variables, holder_script.__file__)
        except FileExistsError:
            raise refusal(launch, "a worker with this name was already started") from None
        except OSError as error:
            held.remove()
            raise refusal(launch, str(error)) from error
        if problem:
            held.remove()
            holder.wait(_REAP_SECONDS)
            raise refusal(launch, problem)
        handle = f"{_KIND}:{launch.name}:{mark}"
        with self._lock:
            self._holders[handle] = holder
        return handle

    def find(self, name: str) -> str | None:
        """See Engine."""
        mark = HeldProcess(self._folder / name).mark()
        return f"{_KIND}:{name}:{mark}" if mark else None

    def names(self) -> tuple[str, ...]:
        """See Engine."""
        try:
            return tuple(sorted(entry.name for entry in self._folder.iterdir() if not entry.name.startswith(".")))
        except FileNotFoundError:
            return ()

    def poll(self, handle: str) -> Condition:
        """See Engine."""
        held = self._held(handle)
        if held is None:
            return Lost("The engine has no record of it.")
        with self._lock:
            if holder := self._holders.get(handle):
                holder.poll()  # reaps it
        return condition(held.poll())

    def signal(self, handle: str, number: int) -> None:
        """See Engine."""
        if held := self._held(handle):
            held.send_signal(number)

    def read_log(self, handle: str, stream: Stream, offset: int = 0, limit: int = LOG_PART) -> bytes:
        """See Engine."""
        held = self._held(handle)
        return held.read_log(stream, offset, limit) if held else b""

    def forget(self, handle: str) -> None:
        """See Engine."""
        if held := self._held(handle):
            held.remove()
        with self._lock:
            holder = self._holders.pop(handle, None)
        if holder:
            holder.wait(_REAP_SECONDS)

    def close(self) -> None:
        """See Engine."""

    def _held(self, handle: str) -> HeldProcess | None:
        """The process of a handle; None if it was forgotten."""
        kind, _, rest = handle.partition(":")
        name, _, mark = rest.partition(":")
        held = HeldProcess(self._folder / name)
        return held if kind == _KIND and mark and held.mark() == mark else None
