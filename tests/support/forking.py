"""Workers and daemons for tests, forked from a process that has imported everything, which takes milliseconds.

``python -m tests.support.forking SOCKET [MODULE...]`` is that process. It imports grpc but never uses it, because a
process that does must not fork. ``Forker`` starts it, and ``ForkEngine`` is the engine of a daemon that was forked from
it. The worker and its proxy are processes of one group, as those of ``LocalEngine``; the process that has forked them
takes the role of the one that holds them. It outlives daemons.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from psyche_cli.errors import EngineUnavailable, LaunchFailed
from psyche_cli.workers.engines.engine import LOG_PART, Condition, Exited, Launch, Lost, Running, Stream
from psyche_cli.workers.engines.held_process import read_part
from psyche_cli.workers.telemetry import proxy

IMPORTED: Final = (
    "grpc._channel",
    "grpc._simple_stubs",
    "grpc.experimental",
    "psyche_cli.workers.service.worker_pb2_grpc",
    "psyche_cli.workers.telemetry.publisher",
    "psyche_cli.workers.telemetry.wire",
    "psyche_cli.workers.daemon.serve",
    "psyche_cli.workers.worker_side",
)
ENCODED: Final = (
    ("coordinator", "join_run"),
    ("coordinator", "witness"),
    ("coordinator", "warmup_witness"),
    ("coordinator", "tick"),
    ("coordinator", "health_check"),
    ("coordinator", "checkpoint"),
    ("treasurer", "participant_create"),
    ("treasurer", "participant_claim"),
)
"""The instructions of members, by program."""
_MOST_REQUEST: Final = 1 << 20


class ForkEngine:
    """Runs workers as children of a forker. Its handles are the names of launches; see ``Engine``."""

    has_scheduler = False

    def __init__(self, address: str) -> None:
        self._address = address

    def launch(self, launch: Launch) -> str:
        argv = list(launch.argv)
        answer = self._ask(
            action="launch", name=launch.name, argv=argv, env=dict(launch.env), folder=str(launch.folder),
            stdout=str(launch.stdout_log), stderr=str(launch.stderr_log),
        )  # fmt: skip
        if answer.get("error"):
            raise LaunchFailed(answer["error"], worker=launch.name, program=argv[0])
        return launch.name

    def find(self, name: str) -> str | None:
        return name if name in self.names() else None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._ask(action="names")["names"]))

    def poll(self, handle: str) -> Condition:
        answer = self._ask(action="poll", name=handle)
        if "lost" in answer:
            return Lost(answer["lost"])
        if answer["result"] is None:
            return Running(answer["pid"])
        result = answer["result"]
        return Exited(code=result) if result >= 0 else Exited(signal=-result)

    def signal(self, handle: str, number: int) -> None:
        self._ask(action="signal", name=handle, number=int(number))

    def read_log(self, handle: str, stream: Stream, offset: int = 0, limit: int = LOG_PART) -> bytes:
        answer = self._ask(action="poll", name=handle)
        return read_part(answer.get(stream, ""), offset, limit)

    def forget(self, handle: str) -> None:
        self._ask(action="forget", name=handle)

    def close(self) -> None:
        """Nothing is open."""

    def _ask(self, **request: Any) -> dict[str, Any]:
        return ask_forker(self._address, **request)


def ask_forker(address: str, **request: Any) -> dict[str, Any]:
    """The forker's answer to a request."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(address)
            connection.send(json.dumps(request).encode())
            answer = json.loads(connection.recv(_MOST_REQUEST) or b"null")
    except OSError as error:
        raise EngineUnavailable(f"The forker does not respond: {error}.", engine="fork") from error
    assert isinstance(answer, dict), f"the forker has failed at {request['action']}"
    return answer


class Forker:
    """The process from which workers and daemons are forked. It has imported ``imported`` as well.

    ``close`` ends it and everything that it has forked.
    """

    def __init__(self, folder: Path, *imported: str) -> None:
        self.address = str(folder / "forker")
        self.log = folder / "forker.log"
        self.ended = folder / "forker.ended"
        """Each launch that has ended: a line with its name and the result, negative for a signal."""
        environment = {**os.environ, "GRPC_VERBOSITY": "NONE"}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forking", self.address, *imported],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", self.log.read_text()

    def start_daemon(self, state: Path, **options: Any) -> int:
        """Fork a daemon with a ``ForkEngine``. Returns its process id."""
        return int(ask_forker(self.address, action="daemon", state=str(state), options=options)["pid"])

    def start_command(self, words: Sequence[str], stdout: Path, stderr: Path) -> ForkedCommand:
        """Fork a process that runs ``psyche-cli`` with these words."""
        answer = ask_forker(self.address, action="command", words=list(words), stdout=str(stdout), stderr=str(stderr))
        return ForkedCommand(self.address, answer["pid"])

    def kill_daemon(self, pid: int) -> None:
        """SIGKILL for a daemon, and wait for its end."""
        ask_forker(self.address, action="kill", pid=pid)

    def is_running(self, pid: int) -> bool:
        """Whether a daemon that was forked has not ended."""
        return bool(ask_forker(self.address, action="running", pid=pid)["running"])

    def close(self) -> list[str]:
        """End everything. Returns the names of launches whose processes had not ended."""
        launches = ask_forker(self.address, action="all")["launches"]
        left = [name for name, entry in launches.items() if entry["result"] is None]
        self._process.communicate()
        return left


class ForkedCommand:
    """A forked process, with what is used of ``subprocess.Popen``."""

    def __init__(self, address: str, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdin = None
        self._address = address

    def poll(self) -> int | None:
        answer = ask_forker(self._address, action="running", pid=self.pid)
        self.returncode = answer["result"]
        return self.returncode

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def wait(self, timeout: float) -> None:
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("psyche-cli", timeout)
            time.sleep(0.005)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class _ForkServer:
    """The forker's process."""

    def __init__(self, address: str) -> None:
        self._launches: dict[str, dict[str, Any]] = {}
        self._daemons: dict[int, int | None] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(address)
        self._listener.listen(128)
        self._address = address
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def run(self) -> None:
        """Answer until the standard input is closed, then kill everything."""
        while True:
            listening = self._listener.fileno()
            ready = select.select([listening, self._wake, 0], [], [])[0]
            if self._wake in ready:
                os.read(self._wake, 4096)
            self._reap()
            if 0 in ready:
                break
            if listening in ready:
                connection = self._listener.accept()[0]
                with connection, contextlib.suppress(OSError):
                    request = json.loads(connection.recv(_MOST_REQUEST))
                    answer = getattr(self, f"_{request.pop('action')}")(**request)
                    connection.send(json.dumps(answer).encode())
        for pid in [entry["pid"] for entry in self._launches.values()] + list(self._daemons):
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        self._reap(wait=True)

    def _reap(self, *, wait: bool = False) -> None:
        for name, entry in self._launches.items():
            options = os.WEXITED | os.WNOWAIT | (0 if wait else os.WNOHANG)
            if entry["result"] is None and os.waitid(os.P_PID, entry["pid"], options) is not None:
                # What the worker has left behind, before its group id can be reused.
                with contextlib.suppress(OSError):
                    os.killpg(entry["pid"], signal.SIGKILL)
                self._end(name, entry)
        for pid, result in self._daemons.items():
            if result is None and (found := os.waitpid(pid, 0 if wait else os.WNOHANG))[0]:
                self._daemons[pid] = os.waitstatus_to_exitcode(found[1])

    def _end(self, name: str, entry: dict[str, Any]) -> None:
        entry["result"] = os.waitstatus_to_exitcode(os.waitpid(entry["pid"], 0)[1])
        with Path(f"{self._address}.ended").open("a") as file:
            file.write(json.dumps([name, entry["result"]]) + "\n")

    def _launch(self, name: str, stdout: str, stderr: str, **task: Any) -> dict[str, Any]:
        if name in self._launches:
            return {"error": f"The name {name} is in use."}
        pid = self._fork(lambda: _run_proxy(**task), stdout, stderr)
        self._launches[name] = {"pid": pid, "result": None, "stdout": stdout, "stderr": stderr}
        return {}

    def _names(self) -> dict[str, Any]:
        return {"names": list(self._launches)}

    def _all(self) -> dict[str, Any]:
        return {"launches": self._launches}

    def _poll(self, name: str) -> dict[str, Any]:
        return self._launches.get(name, {"lost": "It was never started."})

    def _signal(self, name: str, number: int) -> dict[str, Any]:
        entry = self._launches.get(name)
        if entry is not None and entry["result"] is None:
            os.killpg(entry["pid"], number)
        return {}

    def _forget(self, name: str) -> dict[str, Any]:
        self._signal(name, signal.SIGKILL)
        if name in self._launches:
            entry = self._launches[name]
            if entry["result"] is None:
                self._end(name, entry)
            del self._launches[name]
        return {}

    def _daemon(self, state: str, options: dict[str, Any]) -> dict[str, Any]:
        log = str(Path(state) / "forked-daemon.log")
        pid = self._fork(lambda: _run_daemon(state, self._address, options), log, log)
        self._daemons[pid] = None
        return {"pid": pid}

    def _kill(self, pid: int) -> dict[str, Any]:
        if self._daemons[pid] is None:
            os.kill(pid, signal.SIGKILL)
            self._daemons[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return {}

    def _running(self, pid: int) -> dict[str, Any]:
        return {"running": self._daemons[pid] is None, "result": self._daemons[pid]}

    def _command(self, words: list[str], stdout: str, stderr: str) -> dict[str, Any]:
        pid = self._fork(lambda: _run_cli(words), stdout, stderr)
        self._daemons[pid] = None
        return {"pid": pid}

    def _fork(self, body: Callable[[], int], stdout: str, stderr: str) -> int:
        pid = os.fork()
        if pid == 0:
            with _exit_with_result():
                os.setsid()
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self._listener.close()
                os.close(self._wake)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                for number, path in ((1, stdout), (2, stderr)):
                    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), number)
                raise SystemExit(body())
        # A signal to its group must find it.
        while os.getpgid(pid) != pid:
            os.sched_yield()
        return pid


@contextlib.contextmanager
def _exit_with_result() -> Any:
    """Ends the process after the body, without the exit handlers of the process that has forked it."""
    code = 1
    try:
        yield
    except SystemExit as exited:
        code = exited.code if isinstance(exited.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run_proxy(argv: Sequence[str], env: dict[str, str], folder: str) -> int:
    """Run a proxy whose worker is forked too."""
    os.chdir(folder)
    os.environ.update(env)
    assert list(argv[1:3]) == ["-m", proxy.__name__], argv
    proxy._Proxy._start = _start_forked  # type: ignore[method-assign]
    return proxy.main(argv[3:], dict(os.environ))


class _ForkedWorker:
    """What a proxy uses of ``subprocess.Popen``."""

    def __init__(self, pid: int, output: int) -> None:
        self.pid = pid
        self.stdout = os.fdopen(output, "rb", buffering=0)
        self.returncode: int | None = None

    def wait(self) -> int:
        while self.returncode is None:
            with contextlib.suppress(ChildProcessError):  # another thread was faster
                self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)


def _start_forked(self: Any, mask: set[signal.Signals | int]) -> Any:
    command, variables = list(self._arguments.command), dict(self._variables)
    variables.pop("PUBLISH_TOKEN")
    output, worker_output = os.pipe()
    pid = os.fork()
    if pid == 0:
        with _exit_with_result():
            os.close(output)
            os.dup2(worker_output, 1)
            os.close(worker_output)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.environ.clear()
            os.environ.update(variables)
            raise SystemExit(_run_command(command))
    os.close(worker_output)
    return _ForkedWorker(pid, output)


def _run_command(command: list[str]) -> int:
    """Run ``python -m MODULE`` in this process, and any other command in place of it."""
    if command[1:2] != ["-m"]:
        os.execvp(command[0], command)
    sys.argv = command[2:]
    result: int = importlib.import_module(command[2]).main()
    return result


def _run_cli(words: list[str]) -> NoReturn:
    from psyche_cli import __main__

    sys.argv = ["psyche-cli", *words]
    __main__.run()


def _run_daemon(state: str, address: str, options: dict[str, Any]) -> int:
    from psyche_cli.workers.daemon import serve, site
    from psyche_cli.workers.storage.layout import WorkersFolder

    site.__dict__["LocalEngine"] = lambda _folder: ForkEngine(address)
    serve.serve(serve.DaemonOptions(WorkersFolder.of_state(Path(state)), **options), lambda _: None)
    return 0


def _prepare_instructions() -> None:
    """Load AnchorPy, and prepare the encoders of what members send, which each process would do again."""
    from psyche_cli.protocol.instructions.anchor_programs import _encoder

    for program, name in ENCODED:
        _encoder(program, name)


def run_forker() -> None:
    for name in (*IMPORTED, *sys.argv[2:]):
        importlib.import_module(name)
    _prepare_instructions()
    # A collection in a forked process would otherwise write to, and so copy, all pages of these objects.
    gc.collect()
    gc.freeze()
    server = _ForkServer(sys.argv[1])
    os.write(1, b"ready\n")
    server.run()


if __name__ == "__main__":
    run_forker()
