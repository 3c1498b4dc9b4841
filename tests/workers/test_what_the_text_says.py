"""What the text about workers says, and its published implementation does not do. Real processes and sockets."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from psyche_cli.workers.service import contract, worker_pb2
from psyche_cli.workers.service.worker_pb2_grpc import WorkerServiceStub
from tests.workers.daemons import (
    Daemon,
    configuration,
    daemon,
    is_alive,
    noted,
    run_reaching,
    wait_until,
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for the tests that do not kill it."""
    with daemon(tmp_path_factory.mktemp("state"), "--gpus", "2") as running:
        yield running


def test_cancelling_signals_the_worker(one: Daemon, tmp_path: Path) -> None:
    with one.client() as client:
        run = client.submit(configuration({"stay": True, "steps": 1, "note": str(tmp_path / "note")})).run
        run_reaching(client, run.run_id, "EXECUTING")
        worker = noted(tmp_path / "note")["pid"]
        assert is_alive(worker)
        client.cancel(run.run_id)
        ended = client.wait_for_end(run.run_id)
    assert ended.status == "CANCELLED"
    assert not is_alive(worker)


def test_a_worker_that_ignores_sigterm_is_killed_and_only_then_cancelled(one: Daemon, tmp_path: Path) -> None:
    config = {"never_register": True, "ignore_sigterm": True, "note": str(tmp_path / "note")}
    with one.client() as client:
        run = client.submit(configuration(config, limits={"grace_seconds": 0.5})).run
        worker = noted(tmp_path / "note")["pid"]
        client.cancel(run.run_id)
        for change in client.watch_runs(run.run_id):
            if change.run.status == "CANCELLED":
                assert not is_alive(worker)
                break
            assert not change.run.finished_at
    [ended] = change.run.workers
    assert ended.exit_signal == signal.SIGKILL


def test_there_is_a_state_cancelled_from_every_open_state(one: Daemon) -> None:
    with one.client() as client:
        for before, config in (
            ("HANDSHAKE", {"never_register": True}),
            ("READY", {"stay": True}),
            ("EXECUTING", {"stay": True, "steps": 1}),
        ):
            run = client.submit(configuration({**config, "case": before})).run
            run_reaching(client, run.run_id, before)
            client.cancel(run.run_id)
            assert client.wait_for_end(run.run_id).status == "CANCELLED"
            assert one.history(run.run_id)[-2:] == [before, "CANCELLED"]


def test_a_run_that_waits_for_slots_is_cancelled_at_once(one: Daemon) -> None:
    gpus = {"resources": {"gpus": {"requested": 2, "mandatory": True}}}
    with one.client() as client:
        holder = client.submit(configuration({"stay": True, "case": "holder"}, **gpus)).run
        run_reaching(client, holder.run_id, "READY")
        waiting = client.submit(configuration({"stay": True, "case": "waiting"}, **gpus)).run
        assert client.cancel(waiting.run_id).run.status == "CANCELLED"
        assert one.history(waiting.run_id) == ["INIT", "CANCELLED"]
        client.cancel(holder.run_id)
        client.wait_for_end(holder.run_id)
        assert client.health().free_gpu_slots == 2


def test_telemetry_counts_as_a_heartbeat(one: Daemon) -> None:
    # The worker closes its session, so that it sends no heartbeats, and prints.
    with one.client() as client:
        limits = {"silence_seconds": 5.0}
        talking = client.submit(configuration({"print_only": 0.1}, limits=limits)).run
        silent = client.submit(configuration({"print_only": 3600.0}, limits=limits)).run
        ended = client.wait_for_end(silent.run_id)
        [same] = client.list_runs(talking.run_id)
        assert same.status == "EXECUTING"
        # It began before the other one was silent for too long, and has lived longer than it may be silent.
        assert ended.finished_at - same.workers[0].started_at > 5.0
        client.cancel(talking.run_id)
    assert ended.status == "FAULTED"
    assert "no sign of life" in ended.workers[0].reason


def test_heartbeats_are_sent_by_a_worker_that_prints_nothing(one: Daemon) -> None:
    with one.client() as client:
        limits = {"silence_seconds": 5.0}
        quiet = client.submit(configuration({"stay": True}, limits=limits)).run
        frozen = client.submit(configuration({"hang": True}, limits=limits)).run
        assert client.wait_for_end(frozen.run_id).status == "FAULTED"
        [same] = client.list_runs(quiet.run_id)
        assert same.status == "READY"
        client.cancel(quiet.run_id)


@pytest.mark.parametrize(
    ("config", "code", "number", "reason"),
    [
        ({"steps": 1, "exit": 3, "stderr": "first\nlast line\n"}, 3, None, "exit code 3"),
        ({"steps": 1, "signal": 9, "stderr": "first\nlast line\n"}, None, 9, "SIGKILL"),
    ],
)
def test_an_exit_that_is_not_zero_is_faulted(
    one: Daemon, config: dict[str, object], code: int | None, number: int | None, reason: str
) -> None:
    with one.client() as client:
        run = client.submit(configuration(config)).run
        ended = client.wait_for_end(run.run_id)
    [worker] = ended.workers
    assert (ended.status, worker.state) == ("FAULTED", "FAULTED")
    assert (worker.exit_code if worker.HasField("exit_code") else None) == code
    assert (worker.exit_signal if worker.HasField("exit_signal") else None) == number
    assert reason in worker.reason
    assert list(worker.error_lines)[-2:] == ["first", "last line"]
    assert one.history(run.run_id) == ["INIT", "HANDSHAKE", "READY", "EXECUTING", "FAULTED"]


def test_an_exit_with_zero_is_terminated(one: Daemon) -> None:
    with one.client() as client:
        run = client.submit(configuration({"steps": 3})).run
        assert client.wait_for_end(run.run_id).status == "TERMINATED"
        steps = [step for delivery in client.steps(run.run_id) for step in delivery.events]
    assert one.history(run.run_id) == ["INIT", "HANDSHAKE", "READY", "EXECUTING", "TERMINATED"]
    assert [(step.seq, step.read().number) for step in steps] == [(1, 0), (2, 1), (3, 2)]


def test_the_hand_shake_has_a_time_limit(one: Daemon, tmp_path: Path) -> None:
    config = {"never_register": True, "note": str(tmp_path / "note")}
    # The daemon does not count time before its own start, so one limit has passed since.
    with one.client() as client:
        run = client.submit(configuration(config, limits={"handshake_seconds": 3.0})).run
        worker = noted(tmp_path / "note")["pid"]
        ended = client.wait_for_end(run.run_id)
    assert ended.status == "FAULTED"
    assert ended.workers[0].reason == "It did not register within 3 seconds."
    assert not is_alive(worker)


def test_a_run_has_many_workers(one: Daemon, tmp_path: Path) -> None:
    configs = [{"steps": 2, "note": str(tmp_path / f"note{number}"), "exit": number == 1} for number in range(3)]
    listed = configuration(*configs)
    for number, part in enumerate(listed["metadata"]["workers"]):
        part["gpus"] = {"requested": 1, "mandatory": number < 2}
    with one.client() as client:
        run = client.submit(listed).run
        ended = client.wait_for_end(run.run_id)
        steps = [step for delivery in client.steps(run.run_id) for step in delivery.events]
    assert ended.status == "FAULTED"
    assert [worker.state for worker in ended.workers] == ["TERMINATED", "FAULTED", "TERMINATED"]
    assert sorted(step.worker for step in steps) == ["w0", "w0", "w1", "w1", "w2", "w2"]
    assert [step.seq for step in steps] == [1, 2, 3, 4, 5, 6]
    slots = [noted(tmp_path / f"note{number}")["gpus"] for number in range(3)]
    assert {"0", "1"} <= {*slots}


CALLS = (
    ("SubmitRun", worker_pb2.SubmitRunRequest(config_json="{}"), "unary"),
    ("CancelRun", worker_pb2.CancelRunRequest(), "unary"),
    ("ListRuns", worker_pb2.ListRunsRequest(), "unary"),
    ("GetHealth", worker_pb2.GetHealthRequest(), "unary"),
    ("StopDaemon", worker_pb2.StopDaemonRequest(cancel_runs=True), "unary"),
    ("RegisterWorker", worker_pb2.RegisterWorkerRequest(protocol_version=1), "unary"),
    ("Heartbeat", worker_pb2.HeartbeatRequest(), "unary"),
    ("WatchRuns", worker_pb2.WatchRunsRequest(), "stream"),
    ("StreamRunSteps", worker_pb2.ListenRequest(), "both"),
    ("StreamRunEpisodes", worker_pb2.ListenRequest(), "both"),
    ("DirectWorkers", worker_pb2.Direction(), "both"),
    ("ControlStream", worker_pb2.WorkerMessage(), "both"),
    ("PublishRunSteps", worker_pb2.EventBatch(source="x", number=1), "up"),
    ("PublishRunEpisodes", worker_pb2.EventBatch(source="x", number=1), "up"),
)


@pytest.fixture(scope="module")
def registered(one: Daemon) -> Iterator[str]:
    """The run of a worker that is registered."""
    with one.client() as client:
        run = client.submit(configuration({"stay": True, "case": "registered"})).run
        run_reaching(client, run.run_id, "READY")
        yield run.run_id
        client.cancel(run.run_id)


@pytest.mark.parametrize(("method", "request_message", "kind"), CALLS, ids=[call[0] for call in CALLS])
@pytest.mark.parametrize("token", ["", "wrong", "owner's, for a worker"])
def test_the_token_is_checked_on_every_call(
    one: Daemon, registered: str, method: str, request_message: object, kind: str, token: str
) -> None:
    owner_token = one.folder.daemon_token.read_text().strip()
    is_workers = method in ("RegisterWorker", "Heartbeat", "ControlStream", "PublishRunSteps", "PublishRunEpisodes")
    if token == "owner's, for a worker":
        token = owner_token if is_workers else owner_token[:-1]
    metadata = contract.call_metadata(token, registered, "w0")
    with grpc.insecure_channel(f"unix:{one.folder.daemon_socket}", options=contract.CHANNEL_OPTIONS) as channel:
        call = getattr(WorkerServiceStub(channel), method)
        message = iter([request_message]) if kind in ("both", "up") else request_message
        with pytest.raises(grpc.RpcError) as caught:
            _first_answer(call, message, metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert caught.value.details() == "The token of this call is missing or not valid."


def _first_answer(call: Callable[..., Any], message: object, metadata: object) -> None:
    answer = call(message, metadata=metadata, timeout=30)
    if isinstance(answer, Iterator):
        next(answer)


def test_every_call_of_the_service_is_in_this_list() -> None:
    service = worker_pb2.DESCRIPTOR.services_by_name["WorkerService"]
    assert sorted(method.name for method in service.methods) == sorted(call[0] for call in CALLS)


def test_sequence_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        with running.client() as client, client.direct() as director:
            run = client.submit(configuration({"turns": True})).run
            director.grant_turn(run.run_id, "w0", 1, "act")
            run_reaching(client, run.run_id, "EXECUTING")
        running.kill()
        running.start()
        with running.client() as client, client.direct() as director:
            director.grant_turn(run.run_id, "w0", 2, "work")
            wait_until(lambda: len(_steps(running, run.run_id)) == 2)
            assert _steps(running, run.run_id) == [(1, 1), (2, 2)]
            client.cancel(run.run_id)
            assert client.wait_for_end(run.run_id).status == "CANCELLED"


def _steps(running: Daemon, run_id: str) -> list[tuple[int, int]]:
    with running.client() as client:
        return [(step.seq, step.read().number) for delivery in client.steps(run_id) for step in delivery.events]
