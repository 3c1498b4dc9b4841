"""Rehearsals on a real Ray cluster of two nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.workers.engines.holder import marked_processes, read_document
from tests.support.ray_cluster import RayCluster

ROOT = Path(__file__).parents[2]
PAUSE = 0.1


def start_rehearsal(folder: Path, *options: str, **variables: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "psyche_cli", "rehearse", "--config", "configs/minimal.toml", "--members", "4"]
    return subprocess.Popen(
        [*command, "--state-dir", str(folder / "state"), "--output", "json", *options],
        cwd=ROOT,
        env={**os.environ, "HOME": str(folder), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def test_a_whole_run_is_rehearsed_on_both_nodes_and_leaves_nothing_running(
    ray_cluster: RayCluster, tmp_path: Path
) -> None:
    options = ["--epochs", "2", "--engine", "ray", "--ray-address", ray_cluster.address]
    records = tmp_path / "state" / "workers" / f"engine-ray-{ray_cluster.address.replace(':', '-')}"
    with start_rehearsal(tmp_path, *options, **ray_cluster.variables) as process:
        placed = await_placed(process, records)
        pids = [record["pid"] for record in placed]
        document = json.loads(process.stdout.read() if process.stdout else b"")
    assert process.returncode == ExitCode.OK, document
    assert {record["node"] for record in placed} == {*ray_cluster.nodes}
    assert (len({*pids}), 0 in pids) == (4, False)

    data = document["data"]
    assert (data["engine"], data["end"], len(data["epoch_list"])) == ("ray", "epochs", 2)
    assert data["last_loss"] <= data["first_loss"] / 2
    rounds = data["round_list"][:-1]  # the last one has only begun
    assert len(rounds) >= 30
    assert all(one["agreed"] and one["weights"] and one["counted"] == [1, 2, 3, 4] for one in rounds)
    forecast = data["prediction"]
    assert (data["seconds"], data["steps"], data["paid"]) == (forecast["seconds"], forecast["steps"], forecast["paid"])
    members = data["member_list"]
    assert [one["worker"] for one in members] == ["TERMINATED"] * 4
    assert [one["claimed"] for one in members] == [one["earned"] for one in members]
    assert [one["earned"] for one in members] == [one["predicted"] for one in members]
    assert sum(one["earned"]["base_units"] for one in members) == data["claimed"]["base_units"] > 0

    assert list(records.glob("*.json")) == []
    assert [command for command in commands() if str(tmp_path).encode() in command] == []
    assert [pid for pid in marked_processes(ray_cluster.mark) if b"WorkerActor" in command_of(pid)] == []


def await_placed(process: subprocess.Popen[bytes], records: Path) -> list[dict[str, Any]]:
    """What the engine records about the workers, once all of them run."""
    while process.poll() is None:
        found = [read_document(path) for path in records.glob("*.json")]
        if len(found) == 4 and all(record.get("pid") for record in found):
            return found
        time.sleep(PAUSE)
    raise AssertionError("the rehearsal has ended")


def commands() -> list[bytes]:
    """The commands of all processes."""
    return [command_of(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


@pytest.mark.parametrize("options", [["--engine", "ray"], ["--ray-address", "127.0.0.1:6379"]])
def test_a_cluster_needs_an_address(tmp_path: Path, options: list[str]) -> None:
    process = start_rehearsal(tmp_path, *options)
    document = json.loads(process.communicate()[0])
    assert process.returncode == ExitCode.USAGE
    assert "--engine ray and --ray-address belong together" in document["error"]["message"]
