"""``localnet --ready-file``, ``localnet wait`` and the ready line, with which scripts wait for the validator."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.errors import ExitCode, LocalnetError, TimedOut, Unreachable, UsageError
from psyche_cli.operations.localnet.payloads import WaitData
from psyche_cli.operations.localnet.ready_file import reserve_ready_file
from psyche_cli.operations.localnet.wait import wait_until_healthy
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.results import OperationResult
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.suggestions import NOTHING_GIVEN
from tests.localnet.test_command import run, running
from tests.solana.scripted import FakeClock

READY = json.dumps({"command": "localnet"})


def test_the_file_is_there_while_the_validator_answers(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with running(tmp_path, "--ready-file", str(file)) as validator:
        assert file.read_text() == validator.line
        ready = json.loads(validator.line)["data"]
        assert ready["pid"] == validator.process.pid
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert validator.stop()[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_the_ready_line_is_the_document_that_every_command_prints(tmp_path: Path) -> None:
    with running(tmp_path) as validator:
        ready = json.loads(validator.line)
        other = json.loads(run(tmp_path, "warp", "1", "--rpc", validator.rpc_url, "--output", "json").stdout)
        assert list(ready) == list(other)
        assert {**ready, "command": 0, "data": 0, "summary": 0} == {**other, "command": 0, "data": 0, "summary": 0}
        assert ready["command"] == "localnet"


def test_what_a_killed_validator_left_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with running(tmp_path, "--ready-file", str(file)) as validator:
        validator.process.kill()
        validator.process.wait()
        left = file.read_text()
    # It is gone before the next one is ready, so that nobody reads of an endpoint of the past.
    missing = run(tmp_path, "--ready-file", str(file), "--rpc-port", "0", "--bpf-program", "coordinator", "missing.so")
    assert missing.returncode == 11
    assert not file.exists()
    file.write_text(left)
    with running(tmp_path, "--ready-file", str(file)) as validator:
        assert file.read_text() == validator.line != left
        assert validator.stop()[0] == 0
    assert not file.exists()


def test_a_validator_that_runs_keeps_its_file(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with running(tmp_path, "--ready-file", str(file)) as validator:
        second = run(tmp_path, "--ready-file", str(file), "--rpc-port", "0")
        assert (second.returncode, second.stdout) == (11, "")
        assert "in use by another local validator" in second.stderr
        assert file.read_text() == validator.line


@pytest.mark.parametrize("content", ["[1, 2, 3]", "", "not JSON", '{"command": "set-paused"}', "[" * 50_000])
def test_a_file_that_is_something_else_is_kept(tmp_path: Path, content: str) -> None:
    file = tmp_path / "owner.json"
    file.write_text(content)
    refused = run(tmp_path, "--ready-file", str(file), "--rpc-port", "0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is not a ready file" in refused.stderr
    assert file.read_text() == content


@pytest.mark.parametrize("path", ["missing/ready.json", "ready.json/x"])
def test_a_file_that_cannot_be_written_is_reported_before_the_start(tmp_path: Path, path: str) -> None:
    (tmp_path / "ready.json").write_text(READY)
    refused = run(tmp_path, "--ready-file", str(tmp_path / path), "--rpc-port", "0")
    assert (refused.returncode, refused.stdout) == (11, "")
    assert "Cannot write the ready file" in refused.stderr


def test_neither_a_folder_nor_a_pipe_is_taken(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="is not a ready file"), reserve_ready_file(path):
            pytest.fail("reserved")
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]


def test_a_file_that_took_its_place_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with reserve_ready_file(file) as ready:
        assert ready is not None
        ready.publish(READY)
        file.unlink()
        file.write_text("somebody else's")
    assert file.read_text() == "somebody else's"


def test_a_folder_that_went_away_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with reserve_ready_file(folder / "ready.json") as ready:
        assert ready is not None
        [hidden] = folder.iterdir()
        hidden.unlink()
        with pytest.raises(LocalnetError, match="Cannot write the ready file"):
            ready.publish(READY)


def test_without_the_option_no_file_is_written() -> None:
    with reserve_ready_file(None) as ready:
        assert ready is None


def test_a_closed_terminal_ends_it_in_order(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    with running(tmp_path, "--ready-file", str(file)) as validator:
        assert validator.stop(signal.SIGHUP)[0] == 0
    assert not file.exists()


# --- wait


class Endpoint:
    """Responds with the result of ``act`` for the number of the request. Its clock advances only while waiting."""

    label = "http://127.0.0.1:8899"

    def __init__(self, act: Callable[[Endpoint, int], Any]) -> None:
        self.act = act
        self.clock = FakeClock()
        self.timeouts: list[float] = []

    def send(self, body: bytes, *, timeout: float) -> bytes:
        assert timeout > 0
        self.timeouts.append(timeout)
        answer = self.act(self, len(self.timeouts))
        return json.dumps({"jsonrpc": "2.0", "id": json.loads(body)["id"], **answer}).encode()

    def close(self) -> None: ...

    def wait(self, timeout: str) -> OperationResult[WaitData]:
        session = Session(RpcClient(self, self.clock), PUBLISHED, lambda line: None, NOTHING_GIVEN)
        return wait_until_healthy(session, self.clock, timeout)


OK = {"result": "ok"}
BEHIND = {"error": {"code": -32005, "message": "Node is behind by 42 slots"}}


def silent(endpoint: Endpoint, number: int) -> Any:
    endpoint.clock.sleep(endpoint.timeouts[-1])
    raise TimedOut("It is silent.")


def refused(endpoint: Endpoint, number: int) -> Any:
    raise Unreachable("Nobody listens.")


def test_wait_returns_at_the_first_healthy_answer() -> None:
    answers = [BEHIND, {"result": "unknown"}, {"error": {"code": -32601, "message": "Method not found"}}, OK]
    endpoint = Endpoint(lambda endpoint, number: answers[number - 1])
    assert endpoint.wait("60").data == WaitData(endpoint=endpoint.label)
    assert len(endpoint.timeouts) == 4


@pytest.mark.parametrize("act", [silent, refused, lambda endpoint, number: BEHIND])
@pytest.mark.parametrize(("timeout", "seconds"), [("1", 1), ("7", 7), ("2m", 120)])
def test_wait_ends_exactly_at_the_deadline(act: Callable[[Endpoint, int], Any], timeout: str, seconds: int) -> None:
    endpoint = Endpoint(act)
    began = endpoint.clock.now
    with pytest.raises(TimedOut, match="did not become ready within") as timed_out:
        endpoint.wait(timeout)
    assert endpoint.clock.now - began == pytest.approx(seconds)
    assert timed_out.value.hint == "Start a local validator with: psyche-cli localnet"


@pytest.mark.parametrize("timeout", ["0", "-1", "soon", "8d"])
def test_wait_needs_a_time(timeout: str) -> None:
    endpoint = Endpoint(silent)
    with pytest.raises(UsageError, match="--timeout"):
        endpoint.wait(timeout)
    assert endpoint.timeouts == []


def test_wait_on_a_running_validator(tmp_path: Path) -> None:
    with running(tmp_path) as validator:
        done = run(tmp_path, "wait", "--rpc", validator.rpc_url)
        assert (done.returncode, done.stdout) == (0, f"{validator.rpc_url} is ready.\n")


def test_wait_on_an_endpoint_that_accepts_and_is_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = run(tmp_path, "wait", "--rpc", url, "--timeout", "1s", "--output", "json")
    assert done.returncode == ExitCode.NETWORK
    assert json.loads(done.stdout)["error"]["code"] == "timed_out"
