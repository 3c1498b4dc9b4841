"""What happens to a real daemon: full disks, damaged files, foreign tokens, moved clocks, and unruly workers."""

from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from psyche_cli.errors import DaemonError, DaemonUnavailable, InvalidSubmission, RegistryError
from psyche_cli.workers.client import connect
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.registry.database import FORMAT
from psyche_cli.workers.registry.submission import MOST_BYTES
from psyche_cli.workers.service import contract, worker_pb2
from psyche_cli.workers.service.worker_pb2_grpc import WorkerServiceStub
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.support.counts import repetitions
from tests.workers.daemons import ROOT, Daemon, configuration, daemon, noted, run_reaching, wait_until


def command(*words: str, **payload: Any) -> dict[str, Any]:
    """A run of a worker that is any program."""
    return {"metadata": {"worker": {"command": [*words], "worker_id": "w0"}}, "payload": payload}


def script(*lines: str, **payload: Any) -> dict[str, Any]:
    """A run of a worker in Python, which registers first."""
    first = ["import os, sys, time", "from psyche_cli.workers.worker_side import register", "s = register(kind='t')"]
    return command(sys.executable, "-c", "\n".join([*first, *lines]), **payload)


# --- the disk --------------------------------------------------------------------------------------------------------


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """A process that cannot write to files any more: none may be larger than one byte."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.skipif(sys.platform != "linux", reason="limits of other processes are set with prlimit")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    with daemon(tmp_path) as running, running.client() as client:
        before = client.submit(configuration({"stay": True, "steps": 1, "note": str(tmp_path / "note")})).run.run_id
        run_reaching(client, before, "EXECUTING")
        worker = noted(tmp_path / "note")["pid"]
        wanted = configuration({"case": "after"})
        with full_disk(running.process.pid):
            with pytest.raises(RegistryError, match=r"^The registry of workers .* cannot be written: .*\.$") as caught:
                client.submit(wanted)
            assert caught.value.hint.startswith("Free some space")
            with pytest.raises(RegistryError):
                client.cancel(before)
            os.kill(worker, signal.SIGKILL)  # its end cannot be recorded
            [same] = client.list_runs(before)
            assert same.status == "EXECUTING"
            assert running.process.poll() is None
        assert client.wait_for_end(before).status == "FAULTED"
        run = client.submit(wanted)
        assert run.created
        assert client.wait_for_end(run.run.run_id).status == "TERMINATED"


def test_a_full_disk_prevents_the_start(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))\n"
        "from psyche_cli.__main__ import run; run()"
    )
    words = ["workers", "daemon", "--state-dir", str(tmp_path), "--output", "json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["hint"][:15]) == (16, "Free some space")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_folder_that_nobody_can_write(tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to("/proc")
    with pytest.raises(DaemonUnavailable, match=r"^The folder .*/workers cannot be used: .*\.$"):
        connect(tmp_path / "state")


@pytest.mark.parametrize("damage", ["newer", "damaged"])
def test_a_registry_that_cannot_be_used_is_the_reason_that_is_given(tmp_path: Path, damage: str) -> None:
    with connect(tmp_path) as client:
        client.stop()
    path = WorkersFolder.of_state(tmp_path).registry
    if damage == "newer":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {FORMAT + 1}")
        expected = f"was written by a newer psyche-cli: it has version {FORMAT + 1}"
    else:
        path.write_bytes(b"no registry" * 1000)
        expected = f"The registry of workers {path} is damaged"
    before = path.read_bytes()
    with pytest.raises(DaemonUnavailable) as caught:
        connect(tmp_path)
    assert caught.value.message.startswith("The worker daemon cannot be started: The registry")
    assert expected in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == before


def test_a_socket_of_a_killed_daemon_is_replaced_and_another_file_is_not(tmp_path: Path) -> None:
    running = Daemon(tmp_path)
    running.kill()
    assert running.folder.daemon_socket.is_socket()
    with connect(tmp_path) as client:
        client.stop()
    running.folder.daemon_socket.write_text("of somebody else")
    with pytest.raises(DaemonUnavailable, match=r"cannot listen at .*daemon\.sock") as caught:
        connect(tmp_path)
    assert "--listen" in caught.value.hint
    assert running.folder.daemon_socket.read_text() == "of somebody else"


def test_of_two_daemons_that_start_at_the_same_instant_one_remains(tmp_path: Path) -> None:
    for number in range(repetitions(20)):
        state = tmp_path / str(number)
        words = [sys.executable, "-m", "psyche_cli.workers.daemon", str(state)]
        both = [subprocess.Popen(words, cwd=ROOT, start_new_session=True) for _ in range(2)]
        try:
            wait_until(lambda: any(one.poll() is not None for one in both))  # noqa: B023
            path = WorkersFolder.of_state(state).daemon_pid
            wait_until(lambda: read_daemon_file(path) is not None)  # noqa: B023
            [remaining] = [one for one in both if one.poll() is None]
            with connect(state, start=False) as client:
                assert client.health().pid == remaining.pid
                client.stop()
            assert {one.wait() for one in both} == {0}
        finally:
            for one in both:
                one.kill()
                one.wait()


# --- tokens ----------------------------------------------------------------------------------------------------------


class Impostor:
    """Registers in place of workers, with the tokens that they were given."""

    def __init__(self, running: Daemon) -> None:
        self._channel = grpc.insecure_channel(f"unix:{running.folder.daemon_socket}", options=contract.CHANNEL_OPTIONS)
        self._stub = WorkerServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def register(self, run_id: str, launch_token: str) -> str:
        request = worker_pb2.RegisterWorkerRequest(protocol_version=contract.PROTOCOL_VERSION)
        metadata = contract.call_metadata(launch_token, run_id, "w0")
        return str(self._stub.RegisterWorker(request, metadata=metadata, timeout=30).session_token)

    def heartbeat(self, run_id: str, session_token: str) -> None:
        metadata = contract.call_metadata(session_token, run_id, "w0")
        self._stub.Heartbeat(worker_pb2.HeartbeatRequest(), metadata=metadata, timeout=30)


def waiting_worker(tmp_path: Path, name: str) -> dict[str, Any]:
    """A worker that writes its launch token to a file, and waits."""
    return command("sh", "-c", f'echo "$LAUNCH_TOKEN" > {shlex.quote(str(tmp_path / name))}; exec sleep 1000')


def token_in(path: Path) -> str:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    return path.read_text().strip()


def test_tokens_of_others_and_used_ones_are_refused(tmp_path: Path) -> None:
    with daemon(tmp_path / "state") as running, running.client() as client, closing(Impostor(running)) as impostor:
        one, two = (client.submit(waiting_worker(tmp_path, name)).run.run_id for name in ("one", "two"))
        launch = token_in(tmp_path / "one")
        refused: list[str] = []

        def refuse(method: Any, *arguments: str) -> None:
            with pytest.raises(grpc.RpcError) as caught:
                method(*arguments)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            refused.append(str(caught.value.details()))

        refuse(impostor.register, two, launch)  # that of another worker
        session = impostor.register(one, launch)
        impostor.heartbeat(one, session)
        refuse(impostor.register, one, launch)  # replayed after the session token was used
        refuse(impostor.heartbeat, two, session)
        refuse(impostor.heartbeat, one, launch)
        other = impostor.register(two, token_in(tmp_path / "two"))
        refuse(impostor.heartbeat, one, other)
        client.cancel(one)
        assert client.wait_for_end(one).status == "CANCELLED"
        refuse(impostor.heartbeat, one, session)  # of a worker that has ended
        refuse(impostor.register, one, launch)
        assert {*refused} == {"The token of this call is missing or not valid."}
        assert client.list_runs(two)[0].status == "READY"
        for token in (launch, session, other):
            assert token not in running.log


# --- clocks ----------------------------------------------------------------------------------------------------------

CLOCK = """
import pathlib, sys, time
if "psyche_cli.workers.daemon" in sys.orig_argv:
    real, back = time.time, pathlib.Path(__file__).with_name("back")
    time.time = lambda: real() - (7200.0 if back.exists() else 0.0)
"""
"""The clock of the daemon. That of workers is not changed, because grpc compares it with another one for deadlines."""


def test_a_clock_that_is_set_back_hides_no_silent_worker(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    with daemon(tmp_path / "state", variables={"PYTHONPATH": path}) as running, running.client() as client:
        limits = {"silence_seconds": 4.0, "grace_seconds": 0.1}
        lively = client.submit(configuration({"stay": True, "steps": 1}, limits=limits)).run.run_id
        run_reaching(client, lively, "EXECUTING")
        silent = client.submit(configuration({"hang": True}, limits=limits)).run.run_id
        run_reaching(client, silent, "READY")
        (tmp_path / "back").touch()
        assert client.wait_for_end(silent, 60).status == "FAULTED"
        assert client.list_runs(lively)[0].status == "EXECUTING"
        client.cancel(lively)
        assert client.wait_for_end(lively).status == "CANCELLED"


# --- workers ---------------------------------------------------------------------------------------------------------


def test_megabytes_of_standard_error_without_an_end_of_line(one: Daemon) -> None:
    with one.client() as client:
        run = client.submit(script("sys.stderr.write('x' * (40 << 20))", "sys.exit(3)")).run
        ended = client.wait_for_end(run.run_id)
    [worker] = ended.workers
    assert (ended.status, worker.exit_code) == ("FAULTED", 3)
    assert [len(line) for line in worker.error_lines] == [1000]


def test_binary_output_does_not_hide_telemetry(one: Daemon) -> None:
    with one.client() as client:
        lines = ["b = sys.stdout.buffer", "b.write(os.urandom(1 << 20) + bytes(1 << 20) + b'\\n')"]
        step = 'b.write(b\'{"type": "step", "step": 7}\\n\')'
        run = client.submit(script(*lines, step)).run
        assert client.wait_for_end(run.run_id).status == "TERMINATED"
        steps = [step.read().number for delivery in client.steps(run.run_id) for step in delivery.events]
    assert steps == [7]


def test_a_worker_that_closes_its_output_lives_on(one: Daemon, tmp_path: Path) -> None:
    note = tmp_path / "closed"
    with one.client() as client:
        lines = ["os.close(1)", "os.close(2)", f"open({str(note)!r}, 'w').close()", "s.wait_for_end()"]
        run_id = client.submit(script(*lines)).run.run_id
        wait_until(note.exists)
        later = client.submit(configuration({"case": "later"})).run.run_id
        client.wait_for_end(later)
        assert client.list_runs(run_id)[0].status == "READY"
        client.cancel(run_id)
        assert client.wait_for_end(run_id).status == "CANCELLED"


# --- configurations --------------------------------------------------------------------------------------------------


def test_configurations_that_are_too_large_are_refused(one: Daemon) -> None:
    with one.client() as client:
        before = client.list_runs()
        for size in (MOST_BYTES + 1, 10_000_000):
            with pytest.raises(InvalidSubmission, match=r"bytes long; the maximum is 1,048,576\.$"):
                client.submit(" " * size)
        with pytest.raises(InvalidSubmission, match=r"is not a list of 1 to 256 workers\.$"):
            client.submit(configuration(*[{}] * 1000))
        assert client.list_runs() == before


def test_a_daemon_that_has_ended_is_one_error(tmp_path: Path) -> None:
    with daemon(tmp_path) as running, running.client() as client:
        running.kill()
        with pytest.raises(DaemonError, match="No worker daemon runs"):
            client.health()
