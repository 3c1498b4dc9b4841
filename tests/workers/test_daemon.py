"""The daemon: one per folder, started on demand, killed and continued, and what it tells clients."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest

from psyche_cli.errors import DaemonError, DaemonRunning, DaemonUnavailable, InvalidSubmission, WorkerRunNotFound
from psyche_cli.extras import install_hint
from psyche_cli.lifecycle.worker import EXITED
from psyche_cli.workers.client import connect
from psyche_cli.workers.daemon.daemon_log import DaemonLog
from psyche_cli.workers.daemon.guard import Guard
from psyche_cli.workers.daemon.singleton import Singleton
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.service import contract, worker_pb2
from psyche_cli.workers.service.worker_pb2_grpc import (
    WorkerServiceServicer,
    WorkerServiceStub,
    add_WorkerServiceServicer_to_server,
)
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.workers.daemons import Daemon, configuration, daemon, is_alive, noted, run_reaching, wait_until
from tests.workers.registry.submissions import submission


def test_the_same_configuration_is_the_same_run(one: Daemon) -> None:
    with one.client() as client:
        config = configuration({"case": "same"})
        first = client.submit(config)
        second = client.submit(json.dumps(config, indent=4, sort_keys=True))
        assert (first.created, second.created) == (True, False)
        assert first.run.run_id == second.run.run_id
        assert [run.run_id for run in client.list_runs(first.run.run_id)] == [first.run.run_id]
        client.wait_for_end(first.run.run_id)


def test_a_configuration_that_is_not_valid_is_refused(one: Daemon) -> None:
    with one.client() as client:
        before = client.list_runs()
        with pytest.raises(InvalidSubmission, match=r"payload\.limits\.grace_seconds"):
            client.submit(configuration({}, limits={"grace_seconds": -1}))
        with pytest.raises(InvalidSubmission, match="is not valid JSON"):
            client.submit("{")
        assert client.list_runs() == before


def test_a_run_that_does_not_exist(one: Daemon) -> None:
    with one.client() as client:
        with pytest.raises(WorkerRunNotFound):
            client.cancel("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        with pytest.raises(WorkerRunNotFound):
            next(client.steps("01ARZ3NDEKTSV4RRFFQ69G5FAV"))


def test_a_program_that_does_not_exist_faults_its_worker(one: Daemon) -> None:
    with one.client() as client:
        run = client.submit({"metadata": {"worker": {"command": ["/no/such/program"]}}}).run
        ended = client.wait_for_end(run.run_id)
    assert ended.status == "FAULTED"
    assert "/no/such/program" in "\n".join(ended.workers[0].error_lines)


def test_an_engine_that_does_not_exist_is_refused(one: Daemon) -> None:
    with one.client() as client, pytest.raises(InvalidSubmission, match="engine"):
        client.submit(configuration({}, engine="moon"))


class Failing(WorkerServiceServicer):
    """A service that fails unexpectedly."""

    async def GetHealth(self, request: worker_pb2.GetHealthRequest, context: Any) -> worker_pb2.GetHealthResponse:
        raise RuntimeError("secret detail")

    async def WatchRuns(
        self, request: worker_pb2.WatchRunsRequest, context: Any
    ) -> AsyncIterator[worker_pb2.RunChange]:
        yield worker_pb2.RunChange(current=True)
        raise RuntimeError("secret detail")


def test_the_text_of_an_unexpected_error_reaches_neither_clients_nor_the_log(tmp_path: Path) -> None:
    log = DaemonLog(tmp_path / "daemon.log")

    async def never(*_: object) -> bool:
        return False

    async def ask() -> list[grpc.aio.AioRpcError]:
        server = grpc.aio.server(interceptors=(Guard("token", never, log),))
        add_WorkerServiceServicer_to_server(Failing(), server)  # type: ignore[abstract]
        server.add_insecure_port(f"unix:{tmp_path}/s")
        await server.start()
        errors = []
        async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
            stub = WorkerServiceStub(channel)
            metadata = contract.call_metadata("token")
            try:
                await stub.GetHealth(worker_pb2.GetHealthRequest(), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                errors.append(error)
            try:
                async for _ in stub.WatchRuns(worker_pb2.WatchRunsRequest(), metadata=metadata):
                    pass
            except grpc.aio.AioRpcError as error:
                errors.append(error)
        await server.stop(None)
        return errors

    errors = asyncio.run(ask())
    assert [error.code() for error in errors] == [grpc.StatusCode.INTERNAL] * 2
    for error in errors:
        assert error.details() == "The worker daemon failed. Its log has the kind and place of the error."
    assert "secret" not in log.path.read_text()
    assert "GetHealth: RuntimeError at test_daemon.py" in log.path.read_text()


def test_a_message_that_is_too_large_is_refused(one: Daemon) -> None:
    token = one.folder.daemon_token.read_text().strip()
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"unix:{one.folder.daemon_socket}", options=options) as channel:
        request = worker_pb2.SubmitRunRequest(config_json=" " * (contract.MOST_MESSAGE_BYTES + 1))
        with pytest.raises(grpc.RpcError) as caught:
            WorkerServiceStub(channel).SubmitRun(request, metadata=contract.call_metadata(token), timeout=30)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_files_are_private_and_the_log_has_no_secrets(one: Daemon, tmp_path: Path) -> None:
    with one.client() as client:
        config = {"note": str(tmp_path / "note"), "secret": "correct horse battery staple", "exit": 1}
        run = client.submit(configuration(config)).run
        client.wait_for_end(run.run_id)
    token = one.folder.daemon_token.read_text().strip()
    assert token not in one.log
    assert "horse" not in one.log
    assert run.run_id in one.log
    # Files of the engine are removed after the end of the run.
    wait_until(lambda: not list((one.folder.path / "engine").iterdir()))
    assert_private(one.folder)


def test_the_files_of_one_that_was_started_on_demand_are_private(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        with connect(tmp_path) as client:
            assert_private(WorkersFolder.of_state(tmp_path))
            client.stop()
    finally:
        os.umask(mask)


def assert_private(folder: WorkersFolder) -> None:
    for path in (folder.path, *folder.path.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0 or path.is_socket(), (path, oct(mode))


CLOCK = """
import pathlib, time
real, advance = time.time, pathlib.Path(__file__).with_name("advance")
time.time = lambda: real() + (7200.0 if advance.exists() else 0.0)
"""


def test_no_worker_counts_as_silent_because_the_clock_was_set(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent.parent.parent)])
    with daemon(tmp_path / "state", variables={"PYTHONPATH": path}) as running, running.client() as client:
        limits = {"grace_seconds": 0.1}
        quiet = client.submit(configuration({"hang": True}, limits=limits)).run  # gives no sign of life after the jump
        run_reaching(client, quiet.run_id, "READY")
        (tmp_path / "advance").touch()
        later = client.submit(configuration({"steps": 1}, limits=limits)).run
        assert client.wait_for_end(later.run_id).submitted_at > quiet.submitted_at + 7000
        [same] = client.list_runs(quiet.run_id)
        assert same.status == "READY"


def test_a_second_daemon_is_refused(one: Daemon) -> None:
    with pytest.raises(DaemonRunning) as caught:
        Singleton(one.folder)
    assert caught.value.pid == one.process.pid
    with one.client() as client:
        assert client.health().pid == one.process.pid


def test_a_pid_file_of_a_process_that_was_replaced_is_stale(tmp_path: Path) -> None:
    folder = WorkersFolder.of_state(tmp_path)
    folder.path.mkdir()
    # This process has that id, but was started at another time.
    content = {"pid": os.getpid(), "started": "0-0", "address": "unix:/nowhere"}
    folder.daemon_pid.write_text(json.dumps(content))
    found = read_daemon_file(folder.daemon_pid)
    assert found is not None
    assert not found.is_alive
    with pytest.raises(DaemonUnavailable, match="No worker daemon runs"):
        connect(tmp_path, start=False)
    singleton = Singleton(folder)
    assert singleton.previous == found
    singleton.publish("unix:/here")
    again = read_daemon_file(folder.daemon_pid)
    assert again is not None
    assert again.is_alive
    singleton.close(keep_file=False)
    assert not folder.daemon_pid.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}', "\0"])
def test_a_damaged_pid_file_is_ignored(tmp_path: Path, content: str) -> None:
    path = tmp_path / "daemon.pid"
    path.write_text(content)
    assert read_daemon_file(path) is None


def test_it_is_started_on_demand_once_and_ends_when_told(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        clients = list(threads.map(lambda _: connect(tmp_path), range(4)))
    pids = {client.health().pid for client in clients}
    assert len(pids) == 1
    assert clients[0].health().on_demand
    [pid] = pids
    for client in clients[1:]:
        client.close()
    clients[0].stop()
    assert not is_alive(pid)
    assert not WorkersFolder.of_state(tmp_path).daemon_pid.exists()


def test_one_that_was_started_on_demand_ends_when_idle(tmp_path: Path) -> None:
    running = Daemon(tmp_path, "--on-demand", "--idle-seconds", "0.5")
    assert running.process.wait(60) == 0


def test_the_number_of_gpus_that_was_given_outlives_a_killed_daemon(tmp_path: Path) -> None:
    gpus = {"gpus": {"requested": 3, "mandatory": True}}
    running = Daemon(tmp_path, "--gpus", "3")
    running.kill()
    with connect(tmp_path) as client:  # starts one on demand
        health = client.health()
        assert (health.on_demand, health.gpu_slots, health.gpu_slots_told) == (True, 3, True)
        run = client.submit(configuration({"note": str(tmp_path / "note")}, resources=gpus)).run
        assert client.wait_for_end(run.run_id).status == "TERMINATED"
        assert noted(tmp_path / "note")["gpus"] == "0,1,2"
        client.stop()
    with daemon(tmp_path, "--gpus", "auto") as found, found.client() as client:
        assert not client.health().gpu_slots_told
    with daemon(tmp_path) as found, found.client() as client:
        assert not client.health().gpu_slots_told


def test_more_runs_than_fit_into_a_message_are_listed_in_pages(tmp_path: Path) -> None:
    with closing(Registry(WorkersFolder.of_state(tmp_path).registry)) as registry:
        ids = [registry.submit(submission(str(number)), at=1000 + number).run.run_id for number in range(250)]
        for run_id in ids:
            registry.cancel(run_id, at=2000)
        # This one has 12 MB of standard error.
        crashed = registry.submit(submission("crashed", 256), at=3000).run.run_id
        for worker in registry.waiting():
            registry.start(crashed, worker.worker_id, at=3001)
            registry.transition(crashed, worker.worker_id, EXITED, at=3002, error_lines=["x" * 1000] * 50)
        ids.append(crashed)
    with daemon(tmp_path) as running, running.client() as client:
        assert [run.run_id for run in client.list_runs()] == ids
        assert [run.run_id for run in client.list_runs(limit=210)] == ids[-210:]
        assert [run.run_id for run in client.list_runs(ids[0], crashed)] == [ids[0], crashed]
        assert client.list_runs(open_only=True) == []
        watched = []
        for change in client.watch_runs():
            if change.current:
                break
            watched.append(change.run)
        assert {run.run_id for run in watched} == {*ids}
        [shown] = [run for run in watched if run.run_id == crashed]
        assert {len(worker.error_lines) for worker in shown.workers} == {4}
        page = client.stub().ListRuns(worker_pb2.ListRunsRequest(), **client.call_options(30))
        assert page.left_out == len(ids) - len(page.runs) > 0


def test_a_run_that_another_process_removes_is_reported(tmp_path: Path) -> None:
    with daemon(tmp_path) as running, running.client() as client:
        run = client.submit(configuration({"case": "removed"})).run
        client.wait_for_end(run.run_id)
        wait_until(lambda: running.folder.run(run.run_id, is_evaluation=False, several=False).analytics.exists())
        changes = client.watch_runs()
        while not next(changes).current:
            pass
        with closing(Registry(running.folder.registry)) as registry:
            registry.remove(run.run_id)
        assert next(changes).deleted == run.run_id


def test_a_client_finds_the_next_daemon(tmp_path: Path) -> None:
    with connect(tmp_path) as client:
        first = client.health().pid
        os.kill(first, signal.SIGKILL)
        second = client.health().pid
        assert second != first
        client.stop()


def test_it_refuses_to_stop_while_a_run_is_open(tmp_path: Path) -> None:
    with daemon(tmp_path) as running, running.client() as client:
        run = client.submit(configuration({"stay": True})).run
        run_reaching(client, run.run_id, "READY")
        with pytest.raises(DaemonError, match="open runs"):
            client.stop()
        assert client.health().open_runs == 1


def test_workers_continue_without_it_and_are_adopted(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        with running.client() as client:
            run = client.submit(configuration({"stay": True, "steps": 1, "note": str(tmp_path / "note")})).run
            run_reaching(client, run.run_id, "EXECUTING")
        worker = noted(tmp_path / "note")["pid"]
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0
        assert is_alive(worker)
        assert "1 workers continue" in running.log
        running.start()
        with running.client() as client:
            [same] = client.list_runs(run.run_id)
            assert same.status == "EXECUTING"
            run_reaching(client, run.run_id, "EXECUTING")
            wait_until(lambda: client.list_runs(run.run_id)[0].workers[0].connected)
            client.cancel(run.run_id)
            assert client.wait_for_end(run.run_id).status == "CANCELLED"
        assert not is_alive(worker)


def test_how_workers_ended_while_it_was_dead_is_recorded(tmp_path: Path) -> None:
    with daemon(tmp_path, "--gpus", "2") as running:
        with running.client() as client:
            config = configuration(
                {"stay": True, "steps": 1, "note": str(tmp_path / "a")},
                {"stay": True, "steps": 1, "note": str(tmp_path / "b")},
                resources={"gpus": {"requested": 1, "mandatory": True}},
            )
            run = client.submit(config).run
            wait_until(lambda: [w.state for w in client.list_runs(run.run_id)[0].workers] == ["EXECUTING"] * 2)
        running.kill()
        os.kill(noted(tmp_path / "a")["pid"], signal.SIGKILL)
        running.start()
        with running.client() as client:
            wait_until(lambda: client.list_runs(run.run_id)[0].workers[0].state == "FAULTED")
            [same] = client.list_runs(run.run_id)
            assert same.workers[0].exit_signal == signal.SIGKILL
            assert same.workers[1].state == "EXECUTING"
            assert client.health().free_gpu_slots == 1
            client.cancel(run.run_id)
            client.wait_for_end(run.run_id)
            assert client.health().free_gpu_slots == 2


def test_a_worker_that_had_not_registered_is_started_again(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        with running.client() as client:
            run = client.submit(configuration({"never_register": True, "note": str(tmp_path / "note")})).run
        worker = noted(tmp_path / "note")["pid"]
        running.kill()
        os.kill(worker, signal.SIGKILL)
        (tmp_path / "note").unlink()
        running.start()
        assert noted(tmp_path / "note")["pid"] != worker
        assert running.history(run.run_id)[:4] == ["INIT", "HANDSHAKE", "INIT", "HANDSHAKE"]


def test_a_process_that_no_run_has_is_killed(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        with running.client() as client:
            run = client.submit(configuration({"stay": True, "note": str(tmp_path / "note")})).run
            run_reaching(client, run.run_id, "READY")
        worker = noted(tmp_path / "note")["pid"]
        running.kill()
        for path in running.folder.path.glob("registry.db*"):
            path.unlink()
        running.start()
        wait_until(lambda: not is_alive(worker))
        assert "because no run has this worker" in running.log


def test_grpc_that_is_not_installed_is_one_clear_error(tmp_path: Path) -> None:
    code = "import sys; sys.modules['grpc'] = None; from psyche_cli.__main__ import run; run()"
    words = ["workers", "daemon", "--state-dir", str(tmp_path), "--output", "json"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 16, done
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "workers_error"
    assert error["hint"] == install_hint("rehearse")


def test_a_daemon_without_grpc_names_the_packages(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.modules['grpc'] = None\n"
        "runpy.run_module('psyche_cli.workers.daemon', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "grpcio" in json.loads(done.stdout)["message"], done.stderr
    assert (done.returncode, done.stderr) == (16, "")
