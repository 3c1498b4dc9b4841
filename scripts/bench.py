"""Print what things cost on this machine: medians in milliseconds, and their ratio to starting Python at all.

Prints figures, judges nothing. ``--repeat N`` sets how many processes each figure is the median of (default 9).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psyche_cli.protocol.raw_account import RawAccount

ROOT = Path(__file__).resolve().parent.parent
CLI = str(Path(sys.executable).with_name("psyche-cli"))


def milliseconds(action: Callable[[], object], repeat: int) -> list[float]:
    """How long each of ``repeat`` calls took, sorted."""
    taken = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        taken.append((time.perf_counter() - start) * 1000)
    return sorted(taken)


class Table:
    """Figures as they come in."""

    def __init__(self) -> None:
        self.base = 0.0

    def add(self, label: str, taken: list[float], note: str = "", *, process: bool = True) -> None:
        """Print one line: median and slowest, and for a process the ratio to ``base`` once that is known."""
        median = statistics.median(taken)
        if not self.base:
            self.base = median
        ratio = f"{median / self.base:7.1f} x" if process else ""
        print(f"{label:<50} {median:9.2f} ms {ratio:>9}   slowest {taken[-1]:8.2f} ms   {note}".rstrip(), flush=True)


class Bench:
    """A folder, a validator and a funded wallet to measure with."""

    def __init__(self, folder: Path, repeat: int) -> None:
        self.folder, self.repeat, self.table = folder, repeat, Table()
        self.variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}

    def process(self, *command: str) -> str:
        """Run a process to its end and return its stdout."""
        done = subprocess.run(command, env=self.variables, cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def cli(self, *words: str) -> str:
        """Run psyche-cli to its end and return its stdout."""
        return self.process(CLI, *words)

    def start_validator(self, *words: str) -> tuple[subprocess.Popen[str], str, float]:
        """Start a validator; its process, its RPC URL, and the milliseconds until its ready line."""
        start = time.perf_counter()
        process = subprocess.Popen(
            [CLI, "localnet", "--rpc-port", "0", "--quiet", "--output", "json", *words],
            env=self.variables,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        return process, ready["data"]["rpc_url"], (time.perf_counter() - start) * 1000

    def start_up(self) -> None:
        """Processes that end at once."""
        nothing = milliseconds(lambda: self.process(sys.executable, "-c", "pass"), self.repeat)
        self.table.add("python -c pass", nothing, "what the ratios are to")
        self.table.add("psyche-cli --help", milliseconds(lambda: self.cli("--help"), self.repeat), "aim: under 120 ms")
        self.table.add(
            "psyche-cli create-run --help", milliseconds(lambda: self.cli("create-run", "--help"), self.repeat)
        )

    def validator(self) -> None:
        """The local validator, and commands against it."""
        taken = []
        for _ in range(max(3, self.repeat // 3)):
            process, _, ready = self.start_validator()
            process.terminate()
            process.wait()
            taken.append(ready)
        self.table.add("localnet, process start to ready line", sorted(taken), "aim: under 1,000 ms")
        owner = str(self.folder / "owner.json")
        address = json.loads(self.cli("localnet", "new-wallet", owner, "--output", "json"))["data"]["address"]
        process, rpc, _ = self.start_validator("--airdrop", f"{address}=100")
        try:
            self.variables |= {"RPC": rpc, "WALLET_PRIVATE_KEY_PATH": owner, "RUN_ID": "bench"}
            self.cli("join-authorization-create", "--permissionless")
            self.cli("create-run")
            self.cli("update-config", "--config-path", str(ROOT / "configs" / "minimal.toml"))
            self.table.add("json-dump-run", milliseconds(lambda: self.cli("json-dump-run"), self.repeat))
            rates = iter(range(1, 1000))
            self.table.add(
                "set-future-epoch-rates, the whole process",
                milliseconds(
                    lambda: self.cli("set-future-epoch-rates", "--earning-rate", str(next(rates))), self.repeat
                ),
            )
            self.sending(rpc, owner)
        finally:
            process.terminate()
            process.wait()

    def sending(self, rpc: str, owner: str) -> None:
        """From instructions in memory to a confirmed transaction: blockhash, simulation, send, status, logs."""
        from psyche_cli.environment import Environment
        from psyche_cli.protocol.accounts import decode_instance
        from psyche_cli.protocol.addresses import instance_address
        from psyche_cli.session import signing_session

        environment = replace(Environment.of_this_process(), stderr=io.StringIO())
        with signing_session(environment, rpc=rpc, wallet_path=Path(owner)) as session:
            raw = session.rpc.account(instance_address("bench"))
            assert raw is not None
            instance = decode_instance(raw)
            rates = iter(range(1, 1_000_000))

            def send() -> None:
                instruction = session.instructions.set_future_epoch_rates(
                    authority=session.wallet.address,
                    instance=instance.address,
                    account=instance.coordinator_account,
                    earning_rate=next(rates),
                )
                session.sender.send([instruction], session.wallet, label="rates")

            send()
            self.table.add("send to confirmed (blockhash to logs)", milliseconds(send, 50), process=False)

    def decoding(self) -> None:
        """Reading the 119,160 bytes of a coordinator account with 256 clients in each of its lists."""
        from psyche_cli.protocol.accounts import CoordinatorInstance
        from psyche_cli.protocol.coordinator_account import decode_coordinator_account
        from psyche_cli.protocol.dump import run_dump
        from psyche_cli.render import json_text

        raw = full_account()
        key = raw.address
        instance = CoordinatorInstance(key, 0, 255, key, key, key, "bench")

        def look() -> None:
            account = decode_coordinator_account(raw)
            assert (account.run_state, account.step, account.config, len(account.model)) is not None

        self.table.add("decode: state, step, config, model", milliseconds(look, 200), "aim: < 1 ms", process=False)
        dump = milliseconds(lambda: run_dump(instance, decode_coordinator_account(raw)), 100)
        self.table.add("decode and dump 256 clients", dump, "aim: < 5 ms", process=False)
        text = milliseconds(lambda: json_text(run_dump(instance, decode_coordinator_account(raw))), 50)
        self.table.add("the same, to JSON text", text, process=False)


def full_account() -> RawAccount:
    """A coordinator account whose three lists of clients are full."""
    from psyche_cli.protocol.account_checks import account_discriminator
    from psyche_cli.protocol.layout import MAX_CLIENTS, CoordinatorImage
    from psyche_cli.protocol.programs import PUBLISHED
    from psyche_cli.protocol.raw_account import RawAccount

    image = CoordinatorImage()
    image.version = 1
    epoch_state, clients = image.state.coordinator.epoch_state, image.state.clients_state.clients
    for vector in (epoch_state.clients, epoch_state.exited_clients, clients):
        vector.len = MAX_CLIENTS
        for index in range(MAX_CLIENTS):
            vector.data[index].id.signer[:] = hashlib.sha256(bytes([index])).digest()
    data = account_discriminator("CoordinatorAccount") + bytes(image)
    return RawAccount(PUBLISHED.coordinator, PUBLISHED.coordinator, 0, data)


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9, metavar="N")
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="psyche-bench-") as folder:
        bench = Bench(Path(folder), repeat)
        bench.start_up()
        bench.validator()
        bench.decoding()


if __name__ == "__main__":
    main()
