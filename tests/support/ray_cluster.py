"""A Ray cluster of two nodes on this machine, which listens on loopback only, shared by the processes of a test run.

Run as a script, it is the process that hosts the cluster: ``python -m tests.support.ray_cluster FOLDER``. It ends when
no process of the test run has a lock on FOLDER/users any more, whatever has happened to them.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from psyche_cli.workers.engines.holder import MARK, marked_processes, write_document
from tests.support.patience import PATIENCE

PAUSE = 0.05
LOOPBACK = "127.0.0.1"
# Ray replaces a loopback address by another one of the machine, unless it believes that clusters are not supported.
VARIABLES = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "",
    "RAY_USAGE_STATS_ENABLED": "0",
}
# A node that was killed refuses all five checks within a second. One that is only busy has ten seconds for each.
HEALTH_CHECKS = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "200",
    "RAY_health_check_timeout_ms": "10000",
    "RAY_health_check_failure_threshold": "5",
    "RAY_raylet_start_wait_time_s": "300",
}
# Without processes that the tests do not need, each of which imports Ray.
NODE = {
    "num_cpus": 4,
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,
    "node_ip_address": LOOPBACK,
    "object_store_memory": 80 * 2**20,
}


class RayCluster:
    """The cluster as seen by a test: its ``address``, the ids of its ``nodes``, and the ``variables`` of clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        self.address: str = facts["address"]
        self.mark: str = facts["mark"]
        self.variables: dict[str, str] = facts["variables"]

    @property
    def nodes(self) -> list[str]:
        """The ids of its two nodes, which differ after another process has started it again."""
        return list(json.loads((self.folder / "facts.json").read_text(encoding="utf-8"))["nodes"])

    @contextmanager
    def turn(self) -> Iterator[RayCluster]:
        """Use the cluster alone: tests add and kill a node, and Ray may place any worker on it."""
        with _exclusively(self.folder / "turn"):
            yield self

    @contextmanager
    def node_with_gpu(self) -> Iterator[Callable[[], None]]:
        """A third node, which has a GPU. Yields a function that kills it.

        In the end, the cluster knows that the node has ended. Until then, it may place workers there, which then fail.
        """
        self._ask("add")
        try:
            yield lambda: self._ask("kill")
        finally:
            self._ask("kill")
            self._ask("wait")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the cluster meanwhile, and start another one at the address in the end."""
        self._ask("stop")
        try:
            yield
        finally:
            self._ask("start")

    def _ask(self, what: str) -> None:
        request, answer = self.folder / "request", self.folder / "answer"
        answer.unlink(missing_ok=True)
        request.with_suffix(".new").write_text(what, encoding="utf-8")
        request.with_suffix(".new").replace(request)
        _await(lambda: answer.exists() or _has_ended(self.mark))
        assert answer.exists(), (self.folder / "host.log").read_text(encoding="utf-8")


class SharedCluster:
    """The cluster of a test run, as used by one of its processes: started by the first, ended with the last of them."""

    def __init__(self) -> None:
        self._cluster: RayCluster | None = None
        self._users: IO[str] | None = None

    def opened(self, folder: Path) -> RayCluster:
        """The cluster, whose files are in ``folder``."""
        if self._cluster is None:
            folder.mkdir(exist_ok=True)
            with _exclusively(folder / "lock"):
                self._users = (folder / "users").open("w")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                if not (folder / "facts.json").exists():
                    _start(folder)
            self._cluster = RayCluster(folder)
        return self._cluster

    def close(self) -> None:
        """Use it no longer. If no other process does, it has ended when this returns."""
        if self._users:
            folder, cluster = Path(self._users.name).parent, self._cluster
            with _exclusively(folder / "lock"), self._users as users:
                fcntl.flock(users, fcntl.LOCK_UN)
                if cluster and not _is_used(users):
                    fcntl.flock(users, fcntl.LOCK_UN)
                    _await(lambda: not (folder / "facts.json").exists())
                    _await(lambda: _has_ended(cluster.mark))
        self._cluster = self._users = None


@contextmanager
def _exclusively(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(folder: Path) -> None:
    token, mark = secrets.token_hex(32), secrets.token_hex(8)
    variables = {**VARIABLES, "RAY_AUTH_TOKEN": token}
    with (folder / "host.log").open("ab") as log:
        # Not a child of this process: it may outlive it.
        subprocess.run(
            ["sh", "-c", '"$@" &', "sh", sys.executable, "-m", "tests.support.ray_cluster", str(folder)],
            cwd=Path(__file__).parents[2],
            env={**os.environ, **variables, **HEALTH_CHECKS, MARK: mark, "CUDA_VISIBLE_DEVICES": "0"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=True,
        )
    facts = folder / "facts.json"
    _await(lambda: facts.exists() or _has_ended(mark))
    problem = (folder / "host.log").read_text(encoding="utf-8")
    assert facts.exists(), f"the Ray cluster could not be started: {problem}"


def _has_ended(mark: str) -> bool:
    """Whether no process has the mark, not even after a second: the environment of one that calls exec is empty."""
    if marked_processes(mark):
        return False
    time.sleep(1)
    return not marked_processes(mark)


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the Ray cluster does not react"
        time.sleep(PAUSE)


class _Host:
    """The process that hosts the cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a short path, because it contains sockets
        self.node = {**NODE, "temp_dir": self.temporary}
        # Ray writes the address of the cluster to a folder that may not exist, or that others use.
        os.environ["RAY_TMPDIR"] = self.temporary
        Path(self.temporary, "ray").mkdir()
        self.port = _free_port()
        self.cluster: Any = None
        self.third: Any = None

    def start(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={**self.node, "gcs_server_port": self.port})
        self.cluster.add_node(**self.node)
        facts = {
            "address": self.cluster.address,
            "nodes": [node.node_id for node in self.cluster.list_all_nodes()],
            "variables": {name: os.environ[name] for name in VARIABLES},
            "mark": os.environ[MARK],
        }
        write_document(self.folder / "facts.json", facts)

    def add(self) -> None:
        self.third = self.cluster.add_node(**self.node, num_gpus=1)

    def kill(self) -> None:
        if self.third:
            self.cluster.remove_node(self.third, allow_graceful=False)
        self.third = None

    def wait(self) -> None:
        self.cluster.wait_for_nodes(timeout=PATIENCE)

    def stop(self) -> None:
        self.cluster.shutdown()

    def run(self) -> None:
        """Do what is requested while a process uses the cluster."""
        try:
            self.start()
            request = self.folder / "request"
            with (self.folder / "users").open("w") as users:
                while _is_used(users):
                    if request.exists():
                        getattr(self, request.read_text(encoding="utf-8"))()
                        request.unlink()
                        (self.folder / "answer").touch()
                    time.sleep(PAUSE)
        finally:
            if self.cluster:
                self.stop()
            shutil.rmtree(self.temporary, ignore_errors=True)
            (self.folder / "facts.json").unlink(missing_ok=True)


def _free_port() -> int:
    """A free port that is neither one of Ray's for workers nor one that the system chooses."""
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.socket() as tried:
            tried.bind((LOOPBACK, port))
            return port
    raise AssertionError("no port is free")


def _is_used(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


if __name__ == "__main__":
    _Host(Path(sys.argv[1])).run()
