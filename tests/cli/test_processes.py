"""Every command as a real process, against a real local validator on real sockets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(sys.executable).with_name("psyche-cli")


@dataclass
class Shell:
    """Runs the installed console script with a temporary home directory."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **self.variables}

    def start(self, *words: object) -> subprocess.Popen[str]:
        command = [str(CLI), *map(str, words)]
        return subprocess.Popen(
            command, cwd=self.home, env=self.environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [str(CLI), *map(str, words)]
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.environment(),
            text=True,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *words: object) -> Any:
        return json.loads(self.run(*words, "--output", "json").stdout)["data"]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    home = tmp_path_factory.mktemp("home")
    shell = Shell(home)
    owner = shell.json("localnet", "new-wallet", "owner.json")["address"]
    validator = shell.start("localnet", "--rpc-port", 0, "--output", "json", "--airdrop", f"{owner}=100")
    assert validator.stdout is not None
    rpc = json.loads(validator.stdout.readline())["data"]["rpc_url"]
    shell.variables = {"RPC": rpc, "WALLET_PRIVATE_KEY_PATH": "owner.json"}
    try:
        yield shell
    finally:
        validator.terminate()
        validator.communicate(timeout=PATIENCE)
    assert validator.returncode == 0


def test_all_commands_on_a_run(shell: Shell) -> None:
    mint = shell.json("localnet", "new-mint", "--decimals", 6, "--amount", 5000)["mint"]
    shell.run("join-authorization-create", "--permissionless")
    assert shell.json("run-authorizer", f"rpc={shell.variables['RPC']}", "grantor=owner.json")["created"] is False
    (shell.home / "run.toml").write_text(shell.run("config", "example", "minimal").stdout)
    for run_id, extra in (("plain", ()), ("rewarded", ("--treasurer-collateral-mint", mint))):
        shell.run("create-run", "--run-id", run_id, *extra)
        shell.run("update-config", "--run-id", run_id, "--config-path", "run.toml", "--name", run_id)
        shell.run("set-future-epoch-rates", "--run-id", run_id, "--earning-rate-total-shared", 2)
        shell.run("set-paused", "--run-id", run_id, "--resume")
    shell.run("treasurer-top-up-rewards", "--run-id", "rewarded", "--collateral-amount", "12.000001")
    plain, rewarded = (json.loads(shell.run("json-dump-run", "--run-id", run).stdout) for run in ("plain", "rewarded"))
    for dump, points in ((plain, 2), (rewarded, 2_000_000)):
        assert dump["coordinator_account"]["status"]["state"] == "Waiting for members"
        assert dump["coordinator_account"]["epoch"]["rates"]["future"]["earning"] == points
    assert plain["treasurer_run"] is None
    assert rewarded["treasurer_run"]["funded_collateral_amount"] == 12.000001
    user = shell.run("json-dump-user", "--run-id", "rewarded", "--address", mint)
    assert json.loads(user.stdout)["coordinator_account"]["client"] is None
    shell.run("set-paused", "--run-id", "plain")


def run_run_authorizer_arguments(shell: Shell, checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    """The script in a checkout without .venv, with an interpreter in which psyche-cli is installed."""
    (checkout / "scripts").mkdir(parents=True, exist_ok=True)
    for name in ("environment", "run_authorizer"):
        shutil.copy(ROOT / "scripts" / name, checkout / "scripts")
    script = [str(checkout / "scripts" / "run_authorizer"), f"rpc={shell.variables['RPC']}", "grantor=owner.json"]
    # If an environment is created nevertheless, it must not use the network.
    environment = {**shell.environment(), "PSYCHE_CLI_PYTHON": python, "PIP_NO_INDEX": "1"}
    return subprocess.run(script, cwd=shell.home, env=environment, text=True, capture_output=True, check=False)


def test_the_run_authorizer_arguments_as_a_script(shell: Shell, tmp_path: Path) -> None:
    done = run_run_authorizer_arguments(shell, tmp_path, sys.executable)
    assert done.returncode == 0, done.stderr
    assert "active" in done.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == ["scripts"]


def test_the_run_authorizer_script_reports_an_interpreter_without_psyche_cli(shell: Shell, tmp_path: Path) -> None:
    for python in ("no-such-python", "false"):
        done = run_run_authorizer_arguments(shell, tmp_path, python)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"PSYCHE_CLI_PYTHON ({python}) is not a Python" in done.stderr


def test_a_rejection_in_a_process(shell: Shell) -> None:
    done = shell.run("set-paused", "--run-id", "nowhere", code=5)
    assert done.stdout == ""
    assert done.stderr.splitlines()[0].startswith("Error: Run 'nowhere' does not exist")


def test_a_closed_pipe_causes_no_traceback(shell: Shell) -> None:
    process = shell.start("json-dump-run", "--run-id", "nowhere")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(PATIENCE) == 1


def test_ctrl_c_exits_with_130(shell: Shell) -> None:
    """Ctrl-C while waiting for an endpoint that accepts the connection but never answers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = shell.start("json-dump-run", "--run-id", "x", "--rpc", url)
        silent.settimeout(PATIENCE)
        connection, _ = silent.accept()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE)
        connection.close()
    assert process.returncode == 130
    assert json.loads(stdout)["error"]["code"] == "interrupted"
    assert "Traceback" not in stderr


def test_the_demo_runs_and_leaves_nothing_behind(tmp_path: Path, full: bool) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    for _ in range(2 if full else 1):
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "demo.py")],
            env=environment, text=True, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Run demo (Demo run): Waiting for members" in done.stdout
        assert "$ psyche-cli explain" in done.stdout
    assert list(tmp_path.iterdir()) == []
