"""``workers daemon`` as a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from psyche_cli.errors import UsageError
from psyche_cli.operations.workers.daemon import check_address
from psyche_cli.workers.client import connect

DAEMON = (sys.executable, "-m", "psyche_cli", "workers", "daemon", "--state-dir")


def refused(state: Path, *words: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run([*DAEMON, state, "--output", "json", *words], capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)["error"]


@pytest.mark.parametrize("words", [(), ("--listen", "localhost:0")], ids=["socket", "tcp"])
def test_it_runs_until_a_signal(tmp_path: Path, words: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [*DAEMON, tmp_path, "--output", "json-compact", "--gpus", "3", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    ready = json.loads(process.stdout.readline())
    folder = tmp_path / "workers"
    data = ready["data"]
    assert (ready["command"], data["pid"], data["workers"]) == ("workers daemon", process.pid, 0)
    assert (data["folder"], data["token_path"]) == (str(folder), str(folder / "daemon.token"))
    assert data["address"].startswith("127.0.0.1:" if words else f"unix:{folder}/daemon.sock")
    with connect(tmp_path, start=False) as client:
        health = client.health()
    assert (health.pid, health.gpu_slots, health.address, health.on_demand) == (process.pid, 3, data["address"], False)
    code, error = refused(tmp_path)
    assert (code, error["code"]) == (16, "daemon_running")
    process.send_signal(signal.SIGINT)
    rest, diagnostics = process.communicate()
    assert (process.returncode, rest) == (0, "")
    assert diagnostics == "The worker daemon has stopped.\n"
    assert not (folder / "daemon.pid").exists()
    assert not (folder / "daemon.sock").exists()


@pytest.mark.parametrize("text", ["-1", "1025", "two", "", "1.5"])
def test_a_number_of_gpus_that_is_not_valid(tmp_path: Path, text: str) -> None:
    code, error = refused(tmp_path, f"--gpus={text}")
    assert (code, error["code"]) == (2, "usage_error")
    assert "--gpus" in str(error)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_a_path_that_is_too_long_for_a_socket_gets_a_port(tmp_path: Path) -> None:
    state = tmp_path / ("x" * 110)
    with connect(state) as client:
        assert client.health().address.startswith("127.0.0.1:")
        client.stop()


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("a file")
    code, error = refused(tmp_path)
    assert (code, error["code"]) == (16, "daemon_unavailable")


def test_an_address_that_others_reach_is_refused(tmp_path: Path) -> None:
    code, error = refused(tmp_path, "--listen", "0.0.0.0:0")
    assert (code, error["code"]) == (2, "usage_error")
    assert "--remote" in str(error["hint"])
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.parametrize("text", ["", "5055", "localhost", "example.org:80", "127.0.0.1:65536", "127.0.0.1:-1", ":80"])
def test_an_address_that_is_not_valid(text: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        check_address(text, remote=True)


def test_addresses() -> None:
    assert check_address("localhost:7", remote=False) == "127.0.0.1:7"
    assert check_address("[::1]:7", remote=False) == "[::1]:7"
    assert check_address("10.0.0.1:7", remote=True) == "10.0.0.1:7"
