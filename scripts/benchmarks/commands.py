"""Wall-clock time of the command line, measured on real processes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from psyche_cli.cli.app import environment_of_this_process
from psyche_cli.operations.signing import signing_session
from psyche_cli.protocol.accounts.small_accounts import decode_instance
from psyche_cli.protocol.addresses import instance_address
from scripts.benchmarks.decoding import full_account
from scripts.benchmarks.shell import ROOT, Shell
from scripts.benchmarks.table import Table, milliseconds


def measure(shell: Shell, table: Table, repeat: int) -> None:
    """Start-up, reads and writes against a local validator."""
    table.section("processes (ratio to starting Python)")
    table.time("python -c pass", milliseconds(lambda: shell.run(sys.executable, "-c", "pass"), repeat))
    table.time("import typer", milliseconds(lambda: shell.run(sys.executable, "-c", "import typer"), repeat))
    table.time("psyche-cli --help", milliseconds(lambda: shell.cli("--help"), repeat), "target: 1.15 x typer")
    table.time("psyche-cli --version", milliseconds(lambda: shell.cli("--version"), repeat), "target: 1.15 x typer")
    table.time("psyche-cli create-run --help", milliseconds(lambda: shell.cli("create-run", "--help"), repeat))
    (shell.folder / "account").write_bytes(full_account().data)
    table.time("psyche-cli decode, 119,160 bytes", milliseconds(lambda: shell.cli("decode", "account"), repeat))
    in_full = milliseconds(lambda: shell.cli("decode", "--full", "account"), repeat)
    table.time("psyche-cli decode --full, 119,160 bytes", in_full)
    ready = []
    for _ in range(max(3, repeat // 2)):
        with shell.validator() as validator:
            ready.append(validator.ready_after)
    table.time("localnet, process start to ready line", sorted(ready), "target: under 500 ms")
    owner = shell.cli("localnet", "new-wallet", "owner.json").strip()
    with shell.validator("--airdrop", f"{owner}=100") as validator:
        shell.variables |= {"RPC": validator.rpc_url, "WALLET_PRIVATE_KEY_PATH": "owner.json", "RUN_ID": "bench"}
        shell.cli("create-run")
        shell.cli("update-config", "--config-path", str(ROOT / "configs" / "minimal.toml"))
        table.time("json-dump-run", milliseconds(lambda: shell.cli("json-dump-run"), repeat))
        rates = iter(range(1, 1000))
        write = milliseconds(lambda: shell.cli("set-future-epoch-rates", "--earning-rate", str(next(rates))), repeat)
        table.time("set-future-epoch-rates", write)
        _sending(table, validator.rpc_url, shell.folder / "owner.json")


def _sending(table: Table, rpc_url: str, owner: Path) -> None:
    """The time from instructions in memory to a confirmed transaction: blockhash, simulation, send, status, logs."""
    environment = environment_of_this_process().replaced(stderr=io.StringIO())
    with signing_session(environment, rpc=rpc_url, wallet_path=owner, state_folder=owner.parent / "state") as session:
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
        table.time("send to confirmed, in one process", milliseconds(send, 100))
