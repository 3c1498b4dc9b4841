"""Where the files of workers are, what they use, how logs are read and limited, and what is removed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.workers.registry.submission import parse_submission
from psyche_cli.workers.run_ids import is_run_id, new_run_id, time_of_run_id
from psyche_cli.workers.storage.configs import write_configs
from psyche_cli.workers.storage.layout import RunFolder, WorkersFolder
from psyche_cli.workers.storage.logs import LogReader, limit_logs
from psyche_cli.workers.storage.usage import disk_use
from tests.workers.daemons import configuration, daemon

RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def test_the_layout_is_that_of_the_text(tmp_path: Path) -> None:
    folder = WorkersFolder.of_state(tmp_path)

    def name(path: Path) -> str:
        return str(path.relative_to(tmp_path / "workers"))

    assert name(folder.config(RUN)) == f"configs/config-{RUN}.json"
    assert name(folder.worker_config(RUN, "w", several=False)) == f"configs/worker-{RUN}.json"
    assert name(folder.worker_config(RUN, "w", several=True)) == f"configs/worker-{RUN}-w.json"
    assert name(folder.registry) == "registry.db"
    run = folder.run(RUN, is_evaluation=False, several=False)
    assert name(run.log("w", "stdout")) == f"runs/{RUN}/logs/worker.stdout.log"
    assert name(run.log("w", "stderr")) == f"runs/{RUN}/logs/worker.stderr.log"
    assert name(run.checkpoints) == f"runs/{RUN}/checkpoints"
    assert name(run.analytics) == f"runs/{RUN}/analytics.json"
    evaluation = folder.run(RUN, is_evaluation=True, several=True)
    assert name(evaluation.log("w", "stdout")) == f"evals/{RUN}/logs/w.stdout.log"
    assert name(evaluation.summary) == f"evals/{RUN}/eval_summary.json"
    run.create()
    assert run.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("run_id", ["", "..", f"{RUN}/..", RUN.lower(), RUN[:-1], f"8{RUN[1:]}", f"{RUN}\n"])
def test_only_ids_of_psyche_cli_are_names_of_folders(tmp_path: Path, run_id: str) -> None:
    folder = WorkersFolder.of_state(tmp_path)
    assert not is_run_id(run_id)
    for path in (folder.config, lambda one: folder.run(one, is_evaluation=False, several=False)):
        with pytest.raises(ValueError, match="not the id of a run"):
            path(run_id)


def test_run_ids_are_sorted_by_time() -> None:
    times = [0.001, 1.0, 1_800_000_000.123, 4_000_000_000.5]
    found = [new_run_id(at) for at in times]
    assert all(map(is_run_id, found))
    assert found == sorted(found)
    assert [time_of_run_id(run_id) for run_id in found] == pytest.approx(times, abs=0.001)
    assert new_run_id(1.0) != new_run_id(1.0)


def test_configurations_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"worker_id": "a", "command": ["true"], "config": {"seed": 1, "run_id": "x"}}
    text = json.dumps({"metadata": {"run_id": "x", "workers": [asked, {"worker_id": "b", "module": "m"}]}})
    folder = WorkersFolder.of_state(tmp_path)
    write_configs(folder, RUN, parse_submission(text))
    assert json.loads(folder.config(RUN).read_text())["metadata"]["run_id"] == RUN
    found = json.loads(folder.worker_config(RUN, "a", several=True).read_text())
    assert found == {"run_id": RUN, "worker_id": "a", "seed": 1}
    assert sorted(path.name for path in folder.configs.iterdir()) == [
        f"config-{RUN}.json",
        f"worker-{RUN}-a.json",
        f"worker-{RUN}-b.json",
    ]
    assert {path.stat().st_mode & 0o777 for path in folder.configs.iterdir()} == {0o600}
    # The stored configuration is the same submission.
    assert parse_submission(folder.config(RUN).read_text()).digest == parse_submission(text).digest


def test_disk_use_is_that_of_du(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "file").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "folder" / "file", tmp_path / "folder" / "inner" / "same")
    (tmp_path / "folder" / "link").symlink_to("/usr")
    with (tmp_path / "folder" / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    expected = subprocess.run(["du", "-sk", "folder"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert disk_use(tmp_path / "folder", tmp_path / "missing") == int(expected.stdout.split()[0]) * 1024


def test_a_log_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reader = LogReader(path)
    assert reader.last(3) == []
    with path.open("wb") as file:
        file.write(b"1\n2\r\n3\n4\nincom")
        file.flush()
        assert reader.last(2) == ["3", "4"]
        assert reader.more() == []
        file.write(b"plete\n\nx")
        file.flush()
        assert reader.more() == ["incomplete", ""]
        assert reader.more() == []
        assert reader.more(whole=True) == ["x"]
        assert reader.more(whole=True) == []


def test_a_line_without_end_is_divided(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 1_000_000 + b"\nlast\n")
    reader = LogReader(path)
    found = []
    while lines := reader.more(whole=True):
        found += lines
    assert found[-1] == "last"
    assert "".join(found[:-1]) == "x" * 1_000_000
    assert max(map(len, found)) <= 1 << 18


def test_large_logs_are_moved_aside_while_the_worker_writes(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.create()
    log = run.log("w", "stdout")
    with log.open("ab", buffering=0) as worker:
        reader = LogReader(log)
        worker.write(b"line 1\nline 2\n")
        assert reader.more() == ["line 1", "line 2"]
        limit_logs(run, 14)
        assert log.read_bytes() == b"line 1\nline 2\n"
        worker.write(b"line 3\n")
        assert reader.more() == ["line 3"]
        limit_logs(run, 14)
        worker.write(b"line 4\n")
    assert log.read_bytes() == b"line 4\n"
    assert log.with_name("worker.stdout.log.1").read_bytes() == b"line 1\nline 2\nline 3\n"
    assert reader.more() == ["line 4"]


def test_what_remains_of_runs_that_have_ended(tmp_path: Path) -> None:
    evaluation = configuration({"steps": 2, "extras": {"mode": "policy_eval"}})
    with daemon(tmp_path) as running, running.client() as client:
        run_id = client.submit(evaluation).run.run_id
        assert client.wait_for_end(run_id).status == "TERMINATED"
        failed = client.submit(configuration({"exit": 3, "case": "fails"}, {"steps": 1})).run.run_id
        client.wait_for_end(failed)
    folder = WorkersFolder.of_state(tmp_path)
    found = json.loads((folder.path / "evals" / run_id / "analytics.json").read_text())
    assert (found["status"], found["run_id"], found["checkpoints"]) == ("TERMINATED", run_id, [])
    [worker] = found["workers"]
    assert (worker["state"], worker["exit_code"], worker["telemetry"]["accepted"]) == ("TERMINATED", 0, 2)
    summary = json.loads((folder.path / "evals" / run_id / "eval_summary.json").read_text())
    assert summary["status"] == "TERMINATED"
    assert not (folder.path / "runs" / failed / "eval_summary.json").exists()
    analytics = json.loads((folder.path / "runs" / failed / "analytics.json").read_text())
    assert [one["state"] for one in analytics["workers"]] == ["FAULTED", "TERMINATED"]
