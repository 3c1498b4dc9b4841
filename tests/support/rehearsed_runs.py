"""Runs on a local validator that ``rehearse --run-id`` can join, and its command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from psyche_cli.environment import SystemClock
from psyche_cli.localnet.local_validator import LocalValidator
from psyche_cli.localnet.process import LocalValidatorProcess
from psyche_cli.members.owned_run import OwnedRun
from psyche_cli.run_config.load import load_run_config
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.wallet import Wallet
from psyche_cli.workers.daemon_file import read_daemon_file
from psyche_cli.workers.storage.layout import WorkersFolder
from tests.cli.harness import CommandLine, Outcome
from tests.cli.schema_check import check_output

SHORT: Mapping[str, int] = {
    "warmup_time": 12,
    "cooldown_time": 1,
    "epoch_time": 14,
    "max_round_train_time": 12,
    "init_min_clients": 2,
    "round_witness_time": 1,
    "waiting_for_members_extra_time": 1,
}
FAST = ("--trainer", "fake", "--train-seconds", "1", "--warmup-seconds", "0", "--members", "2")
"""Options of a rehearsal with two members and short rounds."""
ONE_EPOCH = (*FAST, "--epochs", "1")


class RehearsalHost:
    """A local validator, and the command line of another process, with ``folder`` as its home."""

    def __init__(self, folder: Path, rpc_url: str, client: RpcClient) -> None:
        self.folder = folder
        self.rpc = rpc_url
        self.client = client

    def new_run(self, run_id: str, *, tokens: int = 100, starts: bool = True, **changes: object) -> OwnedRun:
        """A run of a new owner that everyone may join, with short durations and these other values.

        It pays 10 tokens with 3 decimals per epoch, and its vault holds ``tokens``.
        """
        path = self.folder / f"{run_id}.toml"
        path.write_text(_edited({**SHORT, **changes}))
        content = load_run_config(path)
        run = OwnedRun(self.client, Wallet.generate(), run_id)
        self.client.request_airdrop(run.owner.address, 10**11)
        run.create(content.config, content.model, mint=run.new_mint(3, 10**6))
        run.set_rates(earning=10**4)
        run.top_up(tokens * 1000, decimals=3)
        if starts:
            run.resume()
        return run

    def start(self, *arguments: str, rpc: bool = True) -> subprocess.Popen[str]:
        """Start psyche-cli."""
        environment = {
            **os.environ,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "PSYCHE_CLI_STATE_DIR": str(self.folder / "s"),
        }
        endpoint = ("--rpc", self.rpc) if rpc else ()
        command = [sys.executable, "-m", "psyche_cli", *arguments, *endpoint]
        stdout = stderr = subprocess.PIPE
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, text=True, env=environment
        )

    def start_rehearsal(self, run_id: str) -> subprocess.Popen[str]:
        """Start a long rehearsal, and return once it has trained an epoch."""
        process = self.start("rehearse", "--run-id", run_id, *FAST, "--epochs", "50", "--output", "json")
        assert process.stderr is not None
        while "Epoch 0 ended" not in (line := process.stderr.readline()):
            assert line, "the rehearsal ended"
        return process

    def call(self, *arguments: str, rpc: bool = True) -> subprocess.CompletedProcess[str]:
        """Run psyche-cli to its end."""
        process = self.start(*arguments, rpc=rpc)
        output, errors = process.communicate(timeout=200)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def call_here(self, *arguments: str, rpc: bool = True) -> Outcome:
        """Like ``call``, in this process, for what starts no rehearsal: that costs less than a process of its own."""
        cli = CommandLine(self.folder, HttpTransport, {"PSYCHE_CLI_STATE_DIR": str(self.folder / "s")})
        return cli(*arguments, *(("--rpc", self.rpc) if rpc else ()))

    def own(self, owner: Wallet, *arguments: str) -> None:
        """Run a command with a wallet; it must succeed."""
        file = self.folder / f"{owner.address}.json"
        if not file.exists():
            owner.write_keypair_file(file)
        done = self.call_here(*arguments, "--wallet-private-key-path", str(file))
        assert done.code == 0, done.stderr

    def rehearsed(self, run_id: str, *options: str) -> dict[str, Any]:
        """The payload of a rehearsal that succeeds."""
        done = self.call("rehearse", "--run-id", run_id, *options, "--output", "json")
        assert done.returncode == 0, done.stderr
        assert check_output(("rehearse",), done.stdout) is not None
        found: dict[str, Any] = json.loads(done.stdout)["data"]
        return found

    def is_clean(self) -> bool:
        """Whether rehearsals have left neither a daemon nor a folder with keys."""
        left = read_daemon_file(WorkersFolder.of_state(self.folder / "s").daemon_pid)
        return (left is None or not left.is_alive) and not list(self.folder.glob("psyche-rehearsal-*"))


def _edited(values: Mapping[str, object]) -> str:
    lines = Path("configs/minimal.toml").read_text().splitlines()
    keys = [line.partition(" = ")[0] for line in lines]
    return "\n".join(f"{key} = {values[key]}" if key in values else line for key, line in zip(keys, lines, strict=True))


@contextmanager
def rehearsal_host(folder: Path, validator: LocalValidator | LocalValidatorProcess) -> Iterator[RehearsalHost]:
    """The host of a validator that is started for it."""
    with validator, closing(validator.open_transport()) as transport:
        yield RehearsalHost(folder, validator.rpc_url, RpcClient(transport, SystemClock()))
