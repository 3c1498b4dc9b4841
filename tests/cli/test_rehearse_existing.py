"""``rehearse --run-id`` with real processes: members join a run of a local validator whose clock runs, and leave it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.solana.wallet import Wallet
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.cli.schema_check import check_output

SHORT = {
    "warmup_time": 12,
    "cooldown_time": 1,
    "epoch_time": 14,
    "max_round_train_time": 12,
    "init_min_clients": 2,
    "round_witness_time": 1,
    "waiting_for_members_extra_time": 1,
}
FAST = ("--trainer", "fake", "--train-seconds", "1", "--warmup-seconds", "0", "--epochs", "1", "--members", "2")


class Place:
    """A local validator with an owner's wallet, and the command line of another process."""

    def __init__(self, folder: Path, validator: LocalValidatorProcess, owner: Wallet) -> None:
        self.folder = folder
        self.rpc = validator.rpc_url
        self.owner = folder / "owner.json"
        owner.write_keypair_file(self.owner)
        self.config = folder / "run.toml"
        lines = Path("configs/minimal.toml").read_text().splitlines()
        keys = [line.partition(" = ")[0] for line in lines]
        self.config.write_text(
            "\n".join(f"{key} = {SHORT[key]}" if key in SHORT else line for key, line in zip(keys, lines, strict=True))
        )

    def call(self, *arguments: str, rpc: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "PSYCHE_CLI_STATE_DIR": str(self.folder / "s"),
        }
        endpoint = ("--rpc", self.rpc) if rpc else ()
        command = [sys.executable, "-m", "psyche_cli", *arguments, *endpoint]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=200, check=False)

    def own(self, *arguments: str) -> dict[str, Any]:
        done = self.call(*arguments, "--wallet-private-key-path", str(self.owner), "--output", "json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)["data"]
        return found

    def run(self, run_id: str) -> None:
        mint = self.own("localnet", "new-mint", "--decimals", "3", "--amount", "1000")["mint"]
        self.own("create-run", "--run-id", run_id, "--treasurer-collateral-mint", mint)
        self.own("update-config", "--run-id", run_id, "--config-path", str(self.config))
        self.own("set-future-epoch-rates", "--run-id", run_id, "--earning-rate-total-shared", "10")
        self.own("treasurer-top-up-rewards", "--run-id", run_id, "--collateral-amount", "100")


def place(folder: Path, *options: str) -> Iterator[Place]:
    owner = Wallet(Keypair(), "the owner")
    with LocalValidatorProcess(["--airdrop", f"{owner.address}=100", *options]) as validator:
        yield Place(folder, validator, owner)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A validator whose clock runs twice as fast."""
    yield from place(tmp_path_factory.mktemp("x"), "--slot-time", "0.1", "--clock", "scale:2")


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A validator whose clock stands still."""
    yield from place(tmp_path_factory.mktemp("x"), "--slot-time", "0", "--clock", "fixed:1800000000")


def rehearsed(where: Place, run_id: str, *options: str) -> dict[str, Any]:
    done = where.call("rehearse", "--run-id", run_id, *FAST, *options, "--output", "json")
    assert done.returncode == 0, done.stderr
    assert check_output(("rehearse",), done.stdout) is not None
    found: dict[str, Any] = json.loads(done.stdout)["data"]
    return found


def test_members_join_train_and_leave_as_the_run_is_permitted(running: Place) -> None:
    running.run("free")
    paused = running.call("rehearse", "--run-id", "free", *FAST)
    assert paused.returncode == ExitCode.REFUSED
    assert "Run 'free' was never started" in paused.stderr
    assert f"set-paused --run-id free --resume --rpc {running.rpc}" in paused.stderr
    running.own("set-paused", "--run-id", "free", "--resume")
    closed = running.call("rehearse", "--run-id", "free", *FAST)
    assert closed.returncode == ExitCode.REFUSED
    assert "may not join run 'free'" in closed.stderr
    assert "join-authorization-create --permissionless" in closed.stderr
    assert not (running.folder / "s" / "workers").exists()

    running.own("join-authorization-create", "--permissionless")
    data = rehearsed(running, "free")
    assert (data["mode"], data["end"], data["epochs"], data["agreed"]) == ("free", "epochs", 1, True)
    assert (data["path"], data["run_id"]) == (None, "free")
    assert [one["worker"] for one in data["member_list"]] == ["TERMINATED", "TERMINATED"]
    earned = [one["earned"]["base_units"] for one in data["member_list"]]
    assert sum(earned) == 10_000  # on a busy machine, a member may be too late for the real clock
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == earned
    left = read_daemon_file(WorkersFolder.of_state(running.folder / "s").daemon_pid)
    assert left is None or not left.is_alive
    assert list(running.folder.glob("psyche-rehearsal-*")) == []


def test_a_validator_whose_clock_stands_still_is_moved(standing: Place) -> None:
    standing.run("still")
    standing.own("join-authorization-create", "--permissionless")
    standing.own("set-paused", "--run-id", "still", "--resume")
    data = rehearsed(standing, "still")
    assert (data["mode"], data["end"], data["epochs"], data["agreed"]) == ("turns", "epochs", 1, True)
    assert [one["claimed"]["base_units"] for one in data["member_list"]] == [5000, 5000]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Specify either --config or --run-id"),
        (("--config", "configs/minimal.toml", "--run-id", "x"), "Specify either --config or --run-id"),
        (("--run-id", "x", "--earning-rate", "5"), "Cannot use --earning-rate-total-shared together with --run-id"),
        (("--config", "configs/minimal.toml", "--rpc", "devnet"), "Cannot use --rpc together with --config"),
    ],
)
def test_options_that_do_not_fit(running: Place, options: tuple[str, ...], message: str) -> None:
    done = running.call("rehearse", *options, rpc=False)
    assert (done.returncode, message in done.stderr) == (ExitCode.USAGE, True), done.stderr


def test_a_run_that_does_not_exist(running: Place) -> None:
    done = running.call("rehearse", "--run-id", "none", *FAST)
    assert done.returncode == ExitCode.NOT_FOUND
    assert "Run 'none' does not exist" in done.stderr
