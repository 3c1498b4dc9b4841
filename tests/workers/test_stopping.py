"""Stopping the daemon takes a limited time, whatever its workers and engines do, and names what has not ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from psyche_cli.errors import WorkersNotEnded
from psyche_cli.lifecycle.worker import TELEMETRY
from psyche_cli.workers.registry.registry import Registry
from psyche_cli.workers.registry.submission import parse_submission
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.workers.daemons import (
    Daemon,
    configuration,
    daemon,
    is_alive,
    noted,
    run_reaching,
    stop_process,
    wait_until,
)


def parent(pid: int) -> int:
    done = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_worker_that_cannot_be_killed_is_named_and_ended_by_the_next_daemon(tmp_path: Path) -> None:
    with daemon(tmp_path) as running:
        with running.client() as client:
            config = {"stay": True, "steps": 1, "note": str(tmp_path / "note")}
            run_id = client.submit(configuration(config, limits={"grace_seconds": 0.1})).run.run_id
            run_reaching(client, run_id, "EXECUTING")
            worker = noted(tmp_path / "note")["pid"]
            wait_until(lambda: client.list_runs(run_id)[0].workers[0].pid)
            proxy = client.list_runs(run_id)[0].workers[0].pid
            holder = parent(proxy)
            stop_process(holder)  # nobody sends the signals
            try:
                with pytest.raises(WorkersNotEnded) as caught:
                    client.stop(cancel_runs=True, seconds=2)
            finally:
                os.kill(holder, signal.SIGCONT)
        assert running.process.wait() == WorkersNotEnded.exit_code == 16
        assert caught.value.workers == (f"{run_id} w0 (process {proxy} still runs)",)
        assert f"{run_id} w0 (process {proxy} still runs)." in caught.value.message
        assert f"not ended: {run_id} w0" in running.log
        running.start()
        with running.client() as client:
            assert client.wait_for_end(run_id).status == "CANCELLED"
        assert not is_alive(worker)


def test_an_engine_that_cannot_be_reached_delays_neither_the_end_nor_other_workers(tmp_path: Path) -> None:
    far = parse_submission('{"metadata": {"worker": {"command": ["true"]}}, "payload": {"engine": "ray:127.0.0.1:1"}}')
    key = "worker-001"
    with closing(Registry(WorkersFolder.of_state(tmp_path).registry)) as registry:
        run_id = registry.submit(far, at=1000).run.run_id
        registry.start(run_id, key, at=1001, assign_slots=False)
        name = f"{run_id}.{key}.1"
        registry.set_handle(run_id, key, f"ray:{name}:mark")
        launch = registry.issue_token(run_id, key, "launch", at=1001)
        registry.register(run_id, key, launch, accepted=True, at=1001)
        registry.heard_from(run_id, key, at=1002, telemetry=True)
        assert registry.history(run_id)[-1].event == TELEMETRY
    records = WorkersFolder.of_state(tmp_path).path / "engine-ray-127.0.0.1-1"
    records.mkdir(mode=0o700)
    record = {"mark": "mark", "stdout": "/none", "stderr": "/none", "node": "node", "pid": 1}
    (records / f"{name}.json").write_text(json.dumps(record))
    running = Daemon(tmp_path)
    with running.client() as client:
        near = client.submit(configuration({"stay": True, "steps": 1, "note": str(tmp_path / "note")})).run.run_id
        run_reaching(client, near, "EXECUTING")
        worker = noted(tmp_path / "note")["pid"]
        with pytest.raises(WorkersNotEnded) as caught:
            client.stop(cancel_runs=True, seconds=10)
    running.process.wait()
    [named] = caught.value.workers
    assert named.startswith(f"{run_id} {key} (")
    assert "Ray" in named
    assert not is_alive(worker)
    with closing(Registry(running.folder.registry)) as registry:
        assert registry.run(near).status == "CANCELLED"
        assert registry.run(run_id).cancel_requested_at is not None
        assert registry.run(run_id).status == "EXECUTING"
    # The problem is logged once, not with each look.
    assert running.log.count("Ray is not installed") + running.log.count("cannot be reached") < 6


def test_a_director_does_not_wait_for_a_daemon_that_does_not_respond(tmp_path: Path) -> None:
    with daemon(tmp_path) as running, running.client() as client:
        director = client.direct()
        run_id = client.submit(configuration({"stay": True})).run.run_id
        director.follow(run_id)
        assert director.news(30) is not None
        stop_process(running.process.pid)
        try:
            director.close()
        finally:
            running.process.send_signal(signal.SIGCONT)


def test_the_message_names_the_first_few() -> None:
    error = WorkersNotEnded.of([f"w{number}" for number in range(7)])
    assert error.message.endswith("have not ended: w0, w1, w2, w3, w4 and 2 more.")
    assert len(error.workers) == 7
