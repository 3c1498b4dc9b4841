"""The daemon's end of the connection to the process that talks to a Ray cluster."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from psyche_cli.errors import EngineUnavailable
from psyche_cli.workers.engines.holder import inherited

_CONNECT_SECONDS: Final = 60.0
_LISTEN_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 5.0
_PROBE_SECONDS: Final = 2.0
"""How long a request waits before it is checked whether the cluster still exists, and between these checks."""
_END_SECONDS: Final = 10.0
_HINT: Final = (
    "Check the address, that a node of the cluster runs on this machine, that its Ray has the same version, "
    "and RAY_AUTH_MODE and RAY_AUTH_TOKEN if it requires a token."
)


class RayConnection:
    """Sends requests to a process that is started on demand, and again after it has ended. Usable from any thread.

    The output of Ray goes to the file ``log``. ``variables`` are those of this process by default; the other process
    gets what workers get, and those of Ray.
    """

    def __init__(self, address: str, namespace: str, log: Path, variables: Mapping[str, str] | None = None) -> None:
        self._address, self._namespace, self._log = address, namespace, log
        given = dict(os.environ if variables is None else variables)
        self._variables = inherited(given) | {name: value for name, value in given.items() if name.startswith("RAY_")}
        self._starting = threading.Lock()
        self._bridge: _Bridge | None = None
        self._failed_at = float("-inf")
        self._failure = ""

    def call(self, call: str, limit: float, /, **arguments: object) -> Any:
        """The result of a request. Raises LaunchRefused, or EngineUnavailable.

        EngineUnavailable comes after ``limit`` seconds at the latest, and soon if nothing listens at the address
        anymore. Ray itself would wait for a minute, and then end the process that uses it.
        """
        bridge = self._connected()
        answer = bridge.request({"call": call, "arguments": arguments}, limit, lambda: self._probe(bridge))
        if "problem" in answer:
            raise LaunchRefused(answer["problem"])
        if "unavailable" in answer:
            raise _unavailable(answer["unavailable"])
        return answer["result"]

    def close(self) -> None:
        """End the process."""
        with self._starting:
            if self._bridge:
                self._bridge.close()
            self._bridge = None

    def _connected(self) -> _Bridge:
        with self._starting:
            if self._bridge and self._bridge.is_open:
                return self._bridge
            if time.monotonic() < self._failed_at + _RETRY_SECONDS:
                raise _unavailable(self._failure)
            if self._bridge:
                self._bridge.close()
            self._require_listener()
            self._bridge = _Bridge([self._address, self._namespace], self._log, self._variables)
            answer = self._bridge.receive(0, _CONNECT_SECONDS)
            if "result" in answer:
                return self._bridge
            self._bridge.close()
            self._bridge = None
            self._failed_at, self._failure = time.monotonic(), answer["unavailable"]
            raise _unavailable(self._failure)

    def _probe(self, bridge: _Bridge) -> None:
        """Raise EngineUnavailable if the cluster is gone. The next request then connects to what is there by then."""
        try:
            self._require_listener()
        except EngineUnavailable:
            with self._starting:
                if self._bridge is bridge:
                    self._bridge = None
                    bridge.close()
            raise

    def _require_listener(self) -> None:
        """Raise EngineUnavailable if nothing listens at the address."""
        host, _, port = self._address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _LISTEN_SECONDS).close()
        except (OSError, OverflowError) as error:
            self._failed_at = time.monotonic()
            self._failure = f"{self._address}: {getattr(error, 'strerror', None) or error}"
            raise _unavailable(self._failure) from error


class LaunchRefused(Exception):
    """Why a worker cannot be started on the cluster."""


class _Bridge:
    def __init__(self, arguments: list[str], log: Path, variables: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "psyche_cli.workers.engines.ray_bridge", str(theirs.fileno()), *arguments]
        with theirs, os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=variables,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {0: queue.SimpleQueue()}
        self._last = 0
        self.is_open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def request(self, request: dict[str, object], seconds: float, probe: Callable[[], None]) -> dict[str, Any]:
        """The answer to a request; ``unavailable`` if there is none. ``probe`` is called while it waits."""
        with self._lock:
            self._last += 1
            number = self._last
            self._waiting[number] = queue.SimpleQueue()
            try:
                self._socket.sendall(json.dumps({**request, "id": number}).encode() + b"\n")
            except OSError:
                self.is_open = False
        return self.receive(number, seconds if self.is_open else 0, probe)

    def receive(self, number: int, seconds: float, probe: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """The answer to the request with a number."""
        until = time.monotonic() + seconds
        try:
            while True:
                left = until - time.monotonic()
                with suppress(queue.Empty):
                    return self._waiting[number].get(timeout=max(min(left, _PROBE_SECONDS), 0))
                if left <= _PROBE_SECONDS:
                    return {"unavailable": "It does not answer."}
                probe()
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _read(self) -> None:
        with self._socket.makefile("rb") as lines, suppress(OSError):  # reset if the process is killed
            for line in lines:
                answer = json.loads(line)
                with self._lock:
                    waiting = self._waiting.get(answer["id"])
                if waiting:
                    waiting.put(answer)
        with self._lock:
            self.is_open = False
            for waiting in self._waiting.values():
                waiting.put({"unavailable": "The connection was lost."})

    def close(self) -> None:
        with suppress(OSError):  # the process has ended
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._socket.close()


def _unavailable(reason: str) -> EngineUnavailable:
    return EngineUnavailable(f"The Ray cluster cannot be used: {reason.rstrip('.')}.", hint=_HINT, engine="ray")
