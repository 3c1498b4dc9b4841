"""A worker process and the process that holds it, as seen by an engine.

This module imports only the standard library and ``holder``, because Ray copies both to machines on which psyche-cli
may not be installed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from psyche_cli.workers.engines.holder import (
    STATE_FILE,
    kill_marked,
    process_start,
    read_document,
    remove_folder,
    write_document,
)

_LAUNCH, _LOCK, _SIGNALS = "launch.json", "lock", "signals"
_START_SECONDS = 60.0
_END_SECONDS = 20.0
_PAUSE = 0.01


class HeldProcess:
    """A worker process whose holder keeps its files in ``folder``, which exists from the start to ``remove``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(
        self, task: dict[str, object], variables: dict[str, str], script: str, lifeline: int | None = None
    ) -> tuple[subprocess.Popen[bytes], str]:
        """Start the holder, which starts the worker. Returns the holder and an error message; "" if the worker runs.

        ``task`` has ``mark``, ``argv``, ``folder``, ``stdout``, ``stderr`` and ``grace`` (seconds). ``script`` is the
        path of the holder's module. With a ``lifeline``, the read end of a pipe, the holder detaches from its parent
        and ends the worker when the write end is closed. Raises FileExistsError if the folder exists.
        """
        self._create({name: task[name] for name in ("mark", "stdout", "stderr")})
        # The holder inherits the lock, so it is held from the first moment at which the holder may run.
        lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        signals = os.open(self.folder / _SIGNALS, os.O_RDWR)
        reports, report_to = os.pipe()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            passed = (lock, signals, *(() if lifeline is None else (lifeline,)))
            holder = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", script, str(self.folder)),
                    json.dumps({**task, "signals": signals, "lifeline": lifeline}),
                ],
                stdin=subprocess.DEVNULL,
                stdout=report_to,
                stderr=subprocess.DEVNULL,
                env=variables,
                pass_fds=passed,
                start_new_session=True,
            )
            os.close(report_to)
            report_to = -1
            report = _read_to_end(reports, time.monotonic() + _START_SECONDS)
        finally:
            for descriptor in (signals, lock, reports, report_to):
                if descriptor >= 0:
                    os.close(descriptor)
        if lifeline is not None:
            holder.wait()
        if report == b"started":
            return holder, ""
        return holder, report.decode(errors="replace") or "Its holder process could not be started."

    def poll(self) -> dict[str, object]:
        """``running``: the worker's process id; ``code`` or ``signal``: how it ended; or ``lost``: the reason."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            held = self.is_held()  # before reading: the holder writes the result, then ends
            state = read_document(self.folder / STATE_FILE)
            if "code" in state:
                return {name: state[name] for name in ("code", "signal")}
            if held and "pid" in state:
                return {"running": state["pid"]}
            if not held or time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)  # it is starting
        self._kill_rest()
        return {"lost": "Its holder process was killed." if "pid" in state else "It was never started."}

    def mark(self) -> str:
        """The mark of its processes; empty if the folder does not exist or nothing was started in it."""
        return str(read_document(self.folder / _LAUNCH).get("mark", ""))

    def is_held(self) -> bool:
        """Whether the holder runs."""
        try:
            lock = os.open(self.folder / _LOCK, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def send_signal(self, number: int) -> None:
        """Have the holder send a signal to the worker's process group. Without effect if the holder has ended."""
        try:
            signals = os.open(self.folder / _SIGNALS, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):  # nobody reads
                return
            raise
        try:
            os.write(signals, bytes([number]))
        finally:
            os.close(signals)

    def read_log(self, stream: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes of a stream of the worker, ``stdout`` or ``stderr``."""
        return read_part(str(read_document(self.folder / _LAUNCH).get(stream, "")), offset, limit)

    def remove(self) -> None:
        """Kill the worker if it runs, and remove the folder."""
        self.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + _END_SECONDS
        while self.is_held() and time.monotonic() < deadline:
            time.sleep(_PAUSE)
        self._kill_rest()
        with contextlib.suppress(FileNotFoundError):
            hidden = self._hidden()
            self.folder.rename(hidden)
            remove_folder(hidden)

    def _kill_rest(self) -> None:
        """Kill what a holder that was killed has left: the worker's group, and processes with the mark elsewhere."""
        state = read_document(self.folder / STATE_FILE)
        pid = state.get("pid")
        if isinstance(pid, int) and process_start(pid) == state["started"]:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        if mark := self.mark():
            kill_marked(mark)

    def _create(self, launch: dict[str, object]) -> None:
        """Create the folder with its content in one step."""
        new = self._hidden()
        new.mkdir(mode=0o700, parents=True)
        write_document(new / _LAUNCH, launch)
        os.mkfifo(new / _SIGNALS, 0o600)
        try:
            new.rename(self.folder)
        except OSError as error:
            remove_folder(new)
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.folder)) from None
            raise

    def _hidden(self) -> Path:
        """The path of a folder next to this one that is about to be added or removed."""
        return self.folder.with_name(f".{self.folder.name}.{os.urandom(4).hex()}")


def read_part(path: str, offset: int, limit: int) -> bytes:
    """At most ``limit`` bytes of a file from ``offset``; empty if it does not exist or ends there."""
    try:
        with Path(path).open("rb") as file:
            file.seek(offset)
            return file.read(limit)
    except (FileNotFoundError, NotADirectoryError):
        return b""


def _read_to_end(descriptor: int, deadline: float) -> bytes:
    content = b""
    while select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))[0]:
        if not (part := os.read(descriptor, 4096)):
            break
        content += part
    return content
