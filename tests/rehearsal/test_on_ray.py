"""Rehearsals on a real Ray cluster of two nodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.workers.engines.holder import marked_processes
from tests.support.ray_cluster import RayCluster

ROOT = Path(__file__).parents[2]


def rehearsal(folder: Path, *options: str, **variables: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON document of ``rehearse``."""
    command = [sys.executable, "-m", "psyche_cli", "rehearse", "--config", "configs/minimal.toml", "--members", "4"]
    ended = subprocess.run(
        [*command, "--state-dir", str(folder / "state"), "--output", "json", *options],
        cwd=ROOT,
        env={**os.environ, "HOME": str(folder), **variables},
        capture_output=True,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout)


def test_a_run_is_rehearsed_on_a_cluster_and_leaves_nothing_running(
    ray_cluster: RayCluster, tmp_path: Path, full: bool
) -> None:
    options = ["--engine", "ray", "--ray-address", ray_cluster.address, *([] if full else ["--steps", "6"])]
    code, document = rehearsal(tmp_path, *options, **ray_cluster.variables)
    assert code == ExitCode.OK, document
    data = document["data"]
    assert (data["engine"], data["agreed"], len(data["member_list"])) == ("ray", True, 4)
    if full:
        assert (data["end"], len(data["epoch_list"])) == ("epochs", 2)
        assert data["last_loss"] < data["first_loss"] / 2
        assert all(epoch["paid"] == epoch["predicted_paid"] for epoch in data["epoch_list"])
    [engine] = (tmp_path / "state" / "workers").glob("engine-ray-*")
    assert list(engine.glob("*.json")) == []
    assert [command for command in commands() if str(tmp_path).encode() in command] == []
    assert [pid for pid in marked_processes(ray_cluster.mark) if b"WorkerActor" in command_of(pid)] == []


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
    code, document = rehearsal(tmp_path, *options)
    assert code == ExitCode.USAGE
    assert "--engine ray and --ray-address belong together" in document["error"]["message"]
