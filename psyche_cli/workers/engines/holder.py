"""The process that holds a worker: its parent, which outlives the daemon and records how the worker ended.

It is in a session of its own, forwards signals to the worker's process group, ends what the worker leaves behind, and
writes the result to a file. It keeps a lock on another file as long as it runs, which shows a new daemon that it does;
process ids can be reused.

This module imports only the standard library, because it is run as a script without site-packages, on any machine of a
Ray cluster.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

MARK = "PSYCHE_WORKER_MARK"
"""The variable that identifies the processes of a launch. Its value is random and differs for each launch."""
STATE_FILE = "state.json"

_INHERITED = {
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "TMPDIR", "TEMP", "TMP"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONHASHSEED", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE", "HF_HOME"),
}
_INHERITED_FAMILIES = ("LC_", "CUDA_", "NVIDIA_", "NCCL_", "OMP_", "MKL_", "OPENBLAS_", "TORCH_")
_END_SECONDS = 15.0
_PAUSE = 0.01
_PR_SET_CHILD_SUBREAPER = 36
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def inherited(variables: dict[str, str]) -> dict[str, str]:
    """The environment variables of this process that a worker gets.

    These are the ones that programs need to run. Keys, tokens and URLs of the owner are not among them.
    """
    return {
        name: value for name, value in variables.items() if name in _INHERITED or name.startswith(_INHERITED_FAMILIES)
    }


def process_start(pid: int) -> str | None:
    """A text that, with the id, identifies a process: when it was started. None if it has ended."""
    if sys.platform == "darwin":
        return _ps("-o", "lstart=", "-p", str(pid)).strip() or None
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()[:8]
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else b"-".join((boot, fields[19])).decode()


def marked_processes(mark: str) -> list[int]:
    """The ids of the processes, other than this one, that have the mark of a launch in their environment."""
    wanted = f"{MARK}={mark}"
    if sys.platform == "darwin":
        lines = _ps("-A", "-E", "-ww", "-o", "pid=,command=").splitlines()
        found = [int(line.split()[0]) for line in lines if wanted in line.split()]
    else:
        found = [int(name) for name in _names("/proc") if name.isdigit() and _has(name, wanted.encode())]
    return [pid for pid in found if pid != os.getpid()]


def _has(pid: str, wanted: bytes) -> bool:
    try:
        return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # ended, or a process of another user
        return False


def _adopt_orphans() -> None:
    """Make this process the parent of the orphans among its descendants, instead of the init process."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _children() -> list[int]:
    """The children of this process, where the system lists them."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(pid) for path in lists for pid in path.read_bytes().split()]


def _ps(*options: str) -> str:
    try:
        return subprocess.check_output(["ps", *options], text=True, errors="replace")
    except subprocess.CalledProcessError:  # no such process
        return ""


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


def kill_marked(mark: str) -> None:
    """Kill all processes of a launch, and those that they start meanwhile."""
    deadline = time.monotonic() + _END_SECONDS
    while (found := marked_processes(mark)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def write_document(path: Path, content: dict[str, object]) -> None:
    """Write a small JSON file in one step."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.replace(path)


def read_document(path: Path) -> dict[str, Any]:
    """The content of a small JSON file; empty if it does not exist or is damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def remove_folder(folder: Path) -> None:
    """Remove a folder of files, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


class _Holder:
    """The process that holds a worker."""

    def __init__(self, folder: Path, task: dict[str, object]) -> None:
        self.state = folder / STATE_FILE
        self.folder = folder
        self.task = task
        self.reaping = threading.Lock()
        self.reaped = False
        self.abandoned = False

    def run(self) -> None:
        """Start the worker, report that to stdout, and stay until it has ended."""
        _adopt_orphans()
        try:
            self.worker = self.start()
        except (OSError, ValueError) as error:
            os.write(1, (f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else str(error)).encode())
            return
        facts: dict[str, object] = {"pid": self.worker.pid, "started": process_start(self.worker.pid)}
        write_document(self.state, facts)
        for number in _STOP_SIGNALS:
            signal.signal(number, lambda received, _: self.kill(received))
        os.write(1, b"started")
        self.silence()
        threading.Thread(target=self.forward, daemon=True).start()
        self.await_end()
        self.kill(signal.SIGKILL)
        for number in _STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        with self.reaping:
            result = self.worker.wait()
            self.reaped = True
        self.end_rest()
        ended = {"code": result, "signal": None} if result >= 0 else {"code": None, "signal": -result}
        write_document(self.state, {**facts, **ended})
        if self.abandoned:
            remove_folder(self.folder)
            remove_folder(Path(__file__).parent)  # of the actor

    def start(self) -> subprocess.Popen[bytes]:
        """Start the worker in a session of its own."""
        logs = []
        for stream in ("stdout", "stderr"):
            path = Path(str(self.task[stream]))
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            logs.append(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        os.dup2(logs[1], 2)
        argv = self.task["argv"]
        assert isinstance(argv, list)
        return subprocess.Popen(
            argv,
            cwd=str(self.task["folder"]),
            stdin=subprocess.DEVNULL,
            stdout=logs[0],
            stderr=logs[1],
            start_new_session=True,
        )

    def await_end(self) -> None:
        """Wait until the worker has ended, without reaping it: its group id cannot be reused until then."""
        if sys.platform == "darwin":
            return
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)) and ended.si_pid != self.worker.pid:
            os.waitpid(ended.si_pid, 0)  # an orphan of the worker

    def end_rest(self) -> None:
        """Kill and reap all processes that the worker has left behind."""
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline:
            for pid in _children() or marked_processes(str(self.task["mark"])):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(_PAUSE)
            except ChildProcessError:  # none is left
                return

    def silence(self) -> None:
        """Close the pipe to the parent, which waits for its end."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)

    def kill(self, number: int) -> None:
        """Send a signal to the worker's process group."""
        if self.reaping.acquire(timeout=_END_SECONDS):
            try:
                if not self.reaped:
                    os.killpg(self.worker.pid, number)
            except OSError:  # it has ended
                pass
            finally:
                self.reaping.release()

    def forward(self) -> None:
        """Forward signals, and end the worker when the lifeline is cut."""
        signals, lifeline = self.task["signals"], self.task["lifeline"]
        assert isinstance(signals, int)
        watched = [signals, lifeline] if isinstance(lifeline, int) else [signals]
        while True:
            ready = select.select(watched, [], [])[0]
            if signals in ready:
                for number in os.read(signals, 64):
                    self.kill(number)
            if lifeline in ready:
                watched.remove(lifeline)
                self.abandoned = True
                threading.Thread(target=self.end, daemon=True).start()

    def end(self) -> None:
        """SIGTERM, and SIGKILL after the grace."""
        self.kill(signal.SIGTERM)
        time.sleep(float(str(self.task["grace"])))
        self.kill(signal.SIGKILL)


def _main(folder: str, text: str) -> None:
    task = json.loads(text)
    if task["lifeline"] is not None:
        if os.fork():
            os._exit(0)
        os.setsid()
    _Holder(Path(folder), task).run()


if __name__ == "__main__":
    _main(*sys.argv[1:])
