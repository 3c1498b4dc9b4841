"""Telemetry through a real daemon: many workers and listeners, a full disk, a damaged file, and other versions."""

from __future__ import annotations

import json
import re
import resource
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import pytest

from psyche_cli.errors import DaemonUnavailable, TelemetryError
from psyche_cli.workers.client import DaemonClient, connect
from psyche_cli.workers.service import contract, worker_pb2
from psyche_cli.workers.service.worker_pb2_grpc import WorkerServiceStub
from psyche_cli.workers.telemetry.events import Stored, Stream
from psyche_cli.workers.telemetry.ingest import Ingest
from psyche_cli.workers.telemetry.outbox import Outbox
from psyche_cli.workers.telemetry.publisher import Publisher
from tests.support.counts import repetitions
from tests.workers.daemons import Daemon, configuration, daemon, run_reaching
from tests.workers.telemetry.events import step

WORKERS = repetitions(16)
EACH = 2000


class Reader(Thread):
    """A listener that reads until the run has ended."""

    def __init__(self, client: DaemonClient, run_id: str) -> None:
        super().__init__()
        self.events: list[Stored] = []
        self.lost = 0
        self._deliveries = client.steps(run_id, follow=True)
        self.start()

    def run(self) -> None:
        for delivery in self._deliveries:
            self.events += delivery.events
            self.lost += delivery.lost


def test_listeners_receive_the_steps_of_many_workers_as_they_were_printed(one: Daemon) -> None:
    with one.client() as client:
        run_id = client.submit(configuration(*({"steps": EACH, "case": "many"} for _ in range(WORKERS)))).run.run_id
        reader = Reader(client, run_id)
        assert client.wait_for_end(run_id).status == "TERMINATED"
        reader.join()
        dropped = sum(one["telemetry"]["dropped"] for one in _analytics(client, one, run_id)["workers"])
        stored = [event for delivery in client.steps(run_id) for event in delivery.events]
        health = client.health().telemetry
    assert (reader.lost, reader.events) == (0, stored)
    assert len(stored) + dropped == WORKERS * EACH
    assert [event.seq for event in stored] == list(range(1, len(stored) + 1))
    for worker in range(WORKERS):
        numbers = [event.read().number for event in stored if event.worker == f"w{worker}"]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == EACH - 1
    assert (health.waiting, health.unstored, health.failures, health.problem) == (0, 0, 0, "")
    assert health.stored >= len(stored)


def _analytics(client: DaemonClient, running: Daemon, run_id: str) -> dict[str, Any]:
    assert client.list_runs(run_id)
    return dict(json.loads((running.folder.path / "runs" / run_id / "analytics.json").read_text()))


# --- a disk that is full, and a file that is damaged -----------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose file of telemetry can be damaged."""
    with daemon(tmp_path) as running:
        yield running


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process")
def test_a_full_disk_is_shown_and_faults_no_run(own: Daemon) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    with own.client() as client:
        large = client.submit(configuration({"steps": 30_000})).run.run_id
        assert client.wait_for_end(large).status == "TERMINATED"
        _limit(own)
        run_id = client.submit(configuration({"steps": 3000})).run.run_id
        ended = client.wait_for_end(run_id)
        assert ended.status == "TERMINATED"
        assert own.history(run_id) == ["INIT", "HANDSHAKE", "READY", "EXECUTING", "TERMINATED"]
        health = client.health().telemetry
        assert health.failures > 0
        assert health.unstored > 0
        assert re.fullmatch(r"The telemetry of workers .* cannot be written: [^.]*\.", health.problem)
        assert own.log.count(health.problem) >= 1
        stored = sum(len(delivery.events) for delivery in client.steps(run_id))
        assert stored + health.unstored <= 3000
        resource.prlimit(own.process.pid, resource.RLIMIT_FSIZE, unlimited)
        later = client.submit(configuration({"steps": 5})).run.run_id
        assert client.wait_for_end(later).status == "TERMINATED"
        assert _numbers(client, later) == [0, 1, 2, 3, 4]
        assert client.health().telemetry.problem == ""
        # What the proxy has left is stored by the next daemon.
        client.stop()
        own.process.wait()
    left = own.folder.path / "runs" / run_id / "logs" / "w0.unsent"
    assert left.exists()
    own.start()
    with own.client() as client:
        numbers = _numbers(client, run_id)
        assert numbers[-1] == 2999
        assert len(numbers) > stored
        assert client.health().telemetry.unstored == 0
    assert not left.exists()


def _limit(running: Daemon) -> None:
    """Let no file of the daemon grow beyond the size of its telemetry. Its workers have no limit."""
    size, registry = (
        path.with_name(f"{path.name}-wal").stat().st_size
        for path in (running.folder.telemetry, running.folder.registry)
    )
    assert size > registry + (256 << 10)
    hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def _numbers(client: DaemonClient, run_id: str) -> list[int]:
    return [event.read().number for delivery in client.steps(run_id) for event in delivery.events]


def test_a_file_that_is_damaged_is_shown_and_faults_no_run(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        path = running.folder.telemetry
        with running.client() as client:
            first = client.submit(configuration({"steps": 2000})).run.run_id
            assert client.wait_for_end(first).status == "TERMINATED"
            client.stop()
        running.process.wait()
        content = path.read_bytes()
        # The first page, which is read when the file is opened, remains.
        path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))
        running.start()
        with running.client() as client:
            second = client.submit(configuration({"steps": 10})).run.run_id
            assert client.wait_for_end(second).status == "TERMINATED"
            message = f"The telemetry of workers {path} is damaged: database disk image is malformed."
            assert client.health().telemetry.problem == message
            assert client.health().telemetry.unstored == 10
            with pytest.raises(TelemetryError) as caught:
                list(client.steps(first))
            assert caught.value.message == message
            assert "Move the file away" in caught.value.hint
            assert message in running.log


# --- other versions --------------------------------------------------------------------------------------------------

OTHER_VERSIONS = ["1", "3", ""]


@pytest.mark.parametrize("version", OTHER_VERSIONS)
@pytest.mark.parametrize("method", ["GetHealth", "PublishRunSteps"])
def test_a_call_of_another_version_is_refused(one: Daemon, method: str, version: str) -> None:
    token = one.folder.daemon_token.read_text().strip()
    with one.client() as client:
        run_id = client.submit(configuration({"stay": True, "case": f"{method} {version}"})).run.run_id
        run_reaching(client, run_id, "READY")
        if method != "GetHealth":
            token = _publish_token(one, run_id)
        metadata = tuple(pair for pair in contract.call_metadata(token, run_id, "w0") if pair[0] != contract.PROTOCOL)
        metadata += ((contract.PROTOCOL, version),) if version else ()
        with grpc.insecure_channel(f"unix:{one.folder.daemon_socket}") as channel:
            stub: Any = WorkerServiceStub(channel)
            message: Any = worker_pb2.GetHealthRequest()
            if method == "GetHealth":
                call = stub.GetHealth
            else:
                call, message = stub.PublishRunSteps, iter([worker_pb2.EventBatch(source="a", number=1)])
            with pytest.raises(grpc.RpcError) as caught:
                call(message, metadata=metadata)
        client.cancel(run_id)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == f"The caller has protocol version {version or 1}, and the worker daemon 2."


def _publish_token(running: Daemon, run_id: str) -> str:
    """The publish token of a worker, which its proxy has in its environment."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"RUN_ID={run_id}".encode() in variables:
            for variable in variables:
                if variable.startswith(f"{contract.PUBLISH_TOKEN_VARIABLE}=".encode()):
                    return variable.partition(b"=")[2].decode()
    raise AssertionError(running.log)


def test_a_proxy_of_another_version_keeps_its_events_and_says_why(one: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    with one.client() as client:
        run_id = client.submit(configuration({"stay": True, "case": "old proxy"})).run.run_id
        run_reaching(client, run_id, "READY")
        variables = {
            contract.TARGET_VARIABLE: f"unix:{one.folder.daemon_socket}",
            contract.PUBLISH_TOKEN_VARIABLE: _publish_token(one, run_id),
            contract.RUN_VARIABLE: run_id,
            contract.WORKER_VARIABLE: "w0",
        }
        monkeypatch.setattr(contract, "PROTOCOL_VERSION", 3)
        monkeypatch.setattr("psyche_cli.workers.telemetry.publisher.FINAL_SECONDS", 1.0)
        outbox, reports = Outbox("a"), list[str]()
        publisher = Publisher(variables, outbox, reports.append)
        outbox.add([(Stream.STEPS, step(1))])
        publisher.end()
        [kept] = publisher.run()
        assert kept.events == (step(1),)
        assert reports == ["telemetry waits: The caller has protocol version 3, and the worker daemon 2."]
        monkeypatch.undo()
        client.cancel(run_id)


@pytest.mark.parametrize("version", [1, 3])
def test_a_daemon_of_another_version_is_not_used(own: Daemon, version: int) -> None:
    content = json.loads(own.folder.daemon_pid.read_text())
    assert content.pop("protocol") == contract.PROTOCOL_VERSION == 2
    # Version 1 did not write it.
    other = content if version == 1 else {**content, "protocol": version}
    own.folder.daemon_pid.write_text(json.dumps(other))
    for start in (False, True):
        with pytest.raises(DaemonUnavailable) as caught:
            connect(own.state, start=start)
        assert caught.value.message == (
            f"The worker daemon that runs has protocol version {version}, and this psyche-cli 2."
        )
        assert f"process {own.process.pid}" in caught.value.hint
    own.folder.daemon_pid.write_text(json.dumps({**content, "protocol": 2}))


VERSION_1 = """
CREATE TABLE sources (key INTEGER PRIMARY KEY, run TEXT NOT NULL);
CREATE TABLE streams (key INTEGER PRIMARY KEY, run TEXT NOT NULL);
CREATE TABLE events (stream INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (stream, seq)) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (1, "was written by an older psyche-cli: it has version 1, and this one needs version 2."),
        (3, "was written by a newer psyche-cli: it has version 3, and this one knows versions up to 2."),
    ],
)
def test_a_file_of_another_version_is_refused_and_left_as_it_is(tmp_path: Path, version: int, message: str) -> None:
    path = tmp_path / "telemetry.sqlite"
    if version != 1:
        Ingest(tmp_path).close()
    with sqlite3.connect(path) as connection:
        connection.executescript(VERSION_1 if version == 1 else f"PRAGMA user_version = {version};")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(TelemetryError) as caught:
        Ingest(tmp_path)
    assert caught.value.message == f"The telemetry of workers {path} {message}"
    assert (caught.value.version, caught.value.supported) == (version, 2)
    assert caught.value.hint
    assert path.read_bytes() == before
