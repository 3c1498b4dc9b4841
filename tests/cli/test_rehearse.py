"""``rehearse`` with real processes: the report is true, and nothing is left."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.cli.schema_check import check_output

FAULTS = """
[[fault]]
kind = "kill"
member = 2
at_step = 4

[[fault]]
kind = "lie"
member = 3
at_step = 2
"""


def environment_in(folder: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "PSYCHE_CLI_STATE_DIR": str(folder / "s")}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "psyche_cli", "rehearse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment_in(folder), timeout=500, check=False)


def rows(file: Path, query: str) -> list[tuple[str, str]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A rehearsal under faults, and its payload."""
    folder = tmp_path_factory.mktemp("r")
    (folder / "faults.toml").write_text(FAULTS)
    options = ("--members", "4", "--epochs", "1", "--trainer", "fake", "--check-share", "100")
    files = ("--faults", str(folder / "faults.toml"), "--report", str(folder / "report.html"))
    done = run(folder, "--config", "configs/minimal.toml", *options, *files, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert check_output(("rehearse",), done.stdout) is not None
    return folder, json.loads(done.stdout)["data"]


def test_the_report_agrees_with_the_registry(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    folder, data = rehearsed
    registry = WorkersFolder.of_state(folder / "s").registry
    found = dict(rows(registry, "SELECT worker_id, state FROM workers"))
    assert {f"member-{one['member']}": one["worker"] for one in data["member_list"]} == found
    assert found == {
        "member-1": "TERMINATED",
        "member-2": "FAULTED",
        "member-3": "TERMINATED",
        "member-4": "TERMINATED",
    }


def test_the_report_says_who_was_killed_and_who_lied(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    _, data = rehearsed
    rounds = {one["step"]: one for one in data["round_list"]}
    assert rounds[1]["counted"] == [1, 2, 3, 4]
    assert rounds[2]["counted"] == [1, 2, 4]
    assert [one["step"] for one in data["round_list"] if 2 in one["dropped"]] == [5]
    [lie] = data["lies"]
    assert (lie["member"], lie["planned"]) == (3, True)
    assert set(lie["steps"]) <= {*rounds} - {1}
    assert len(lie["steps"]) > 0
    assert data["agreed"] is True
    assert data["end"] == "epochs"


def test_rewards_are_shared_by_those_who_stayed_and_are_claimed(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    _, data = rehearsed
    earned = [one["earned"]["base_units"] for one in data["member_list"]]
    assert earned == [33_333_333, 0, 33_333_333, 33_333_333]
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == earned
    assert data["paid"]["base_units"] == sum(earned) == data["epoch_list"][0]["paid"]["base_units"]


def test_the_page_needs_nothing_else(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    folder, data = rehearsed
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme: dark" in page
    assert all(one["sentence"].split(" ")[0] in page for one in data["advice"])


def test_nothing_is_left(rehearsed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = rehearsed
    assert list(folder.glob("psyche-*")) == []  # keys, and the folder of the validator
    left = read_daemon_file(WorkersFolder.of_state(folder / "s").daemon_pid)
    assert left is None or not left.is_alive


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--members", "17"), ExitCode.USAGE, "17 members are more than can ever join this run"),
        (("--epochs", "1", "--steps", "3"), ExitCode.USAGE, "--epochs and --steps exclude each other"),
        (("--train-seconds", "11"), ExitCode.USAGE, "--train-seconds 11 exceeds max_round_train_time"),
        (("--engine", "ray"), ExitCode.USAGE, "--engine ray and --ray-address belong together"),
        (("--engine", "ray", "--ray-address", "here"), ExitCode.USAGE, "--ray-address here is not HOST:PORT"),
        (("--faults", "/nonexistent"), ExitCode.USAGE, "Cannot read /nonexistent"),
        (("--data", "/nonexistent"), ExitCode.USAGE, "Cannot read /nonexistent"),
        (("--data", "configs/minimal.toml"), ExitCode.USAGE, "training needs at least 4,096"),
        (("--steps", "1"), ExitCode.USAGE, "the minimum is 2"),
        (("--report", "configs"), ExitCode.USAGE, "configs already exists"),
        (("--report", "/nonexistent/report.html"), ExitCode.USAGE, "Cannot write /nonexistent/report.html"),
    ],
)
def test_refusals_start_nothing(tmp_path: Path, options: tuple[str, ...], code: ExitCode, message: str) -> None:
    done = run(tmp_path, "--config", "configs/minimal.toml", *options)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_a_trainer_that_is_not_installed_starts_nothing(tmp_path: Path, package: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None; from psyche_cli.__main__ import run; run()"
    options = ("--config", "configs/minimal.toml", "--trainer", package)
    done = subprocess.run(
        [sys.executable, "-c", program, "rehearse", *options],
        capture_output=True,
        text=True,
        env=environment_in(tmp_path),
        timeout=100,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert f"needs the package {package}, which is not installed.\nHint: Run: pip install" in done.stderr
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("kind", "end", "code"), [("kill", "no-workers", ExitCode.WORKERS), ("leave", "stuck", ExitCode.NEVER)]
)
def test_a_rehearsal_that_does_not_get_to_its_end_fails(tmp_path: Path, kind: str, end: str, code: ExitCode) -> None:
    (tmp_path / "faults.toml").write_text(f'[[fault]]\nkind = "{kind}"\nmember = 1\nat_step = 3\n')
    options = ("--members", "1", "--trainer", "fake", "--faults", str(tmp_path / "faults.toml"), "--output", "json")
    done = run(tmp_path, "--config", "configs/minimal.toml", *options)
    assert done.returncode == code, done.stderr
    assert check_output(("rehearse",), done.stdout) is not None
    document = json.loads(done.stdout)
    assert (document["ok"], document["exit_code"], document["data"]["end"]) == (True, code, end)
    assert list(tmp_path.glob("psyche-*")) == []


def test_the_pause_after_the_steps_is_no_advice(tmp_path: Path) -> None:
    done = run(tmp_path, "--config", "configs/minimal.toml", "--trainer", "fake", "--steps", "2", "--output", "json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["end"], data["steps"], data["state"]) == ("paused", 2, "Paused")
    assert [one["sentence"] for one in data["advice"] if "pause" in one["sentence"]] == []


def test_a_relative_path_of_a_text_is_that_of_the_command(tmp_path: Path) -> None:
    options = ("--members", "1", "--steps", "2", "--data", "README.md", "--output", "json")
    done = run(tmp_path, "--config", "configs/minimal.toml", *options)
    assert done.returncode == 0, done.stderr
    [member] = json.loads(done.stdout)["data"]["member_list"]
    assert (member["worker"], member["loss"] > 0) == ("TERMINATED", True)
