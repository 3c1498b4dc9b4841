"""What a command costs before and around its work, beside the aims, and in brackets beside what it cost at first.

Processor times are of the process, user and system; processes that are compared take turns, so that a busy machine
slows all of them alike.
"""

from __future__ import annotations

import io
import random
import statistics
import sys
import time
from itertools import count
from pathlib import Path

from psyche_cli.cli.app import environment_of_this_process
from psyche_cli.cli.options import COMPLETION_VARIABLE
from psyche_cli.operations.signing import signing_session
from psyche_cli.protocol.accounts.small_accounts import decode_instance
from psyche_cli.protocol.addresses import instance_address
from scripts.benchmarks.faraway import FarAway
from scripts.benchmarks.shell import CLI, ROOT, Shell
from scripts.benchmarks.table import Table

LATENCY = 0.05
LATE_CONFIRMATIONS = 20
RUN = ("--run-id", "doors")
DUMP = ("json-dump-run", *RUN)


def measure(shell: Shell, table: Table, repeat: int) -> None:
    """Start-up, CPU of reads and writes, and late confirmations."""
    owner = shell.cli("localnet", "new-wallet", "owner.json").strip()
    with shell.validator("--airdrop", f"{owner}=10000") as validator, FarAway(validator.rpc_url).serving() as faraway:
        shell.variables |= {"RPC": faraway.url, "WALLET_PRIVATE_KEY_PATH": "owner.json"}
        shell.cli("create-run", *RUN)
        shell.cli("update-config", *RUN, "--config-path", str(ROOT / "configs" / "minimal.toml"))
        _processor_time(shell, table, repeat)
        _late_confirmations(table, shell.folder / "owner.json", faraway)


def _processor_time(shell: Shell, table: Table, repeat: int) -> None:
    python, rates = sys.executable, count(1)
    completing = {COMPLETION_VARIABLE: "1"}
    table.section(f"processor time of processes, medians of {repeat} [at first]")
    taken = shell.processor_times(
        repeat,
        {
            "import typer": lambda: ([python, "-c", "import typer"], {}),
            "--help": lambda: ([CLI, "--help"], {}),
            "--version": lambda: ([CLI, "--version"], {}),
            "completion": lambda: ([CLI, "set-"], completing),
            "reference": lambda: ([python, "-c", "import solders.pubkey, http.client"], {}),
            "dump": lambda: ([CLI, *DUMP], {}),
            "write": lambda: ([CLI, "set-future-epoch-rates", *RUN, "--earning-rate", str(next(rates))], {}),
        },
    )
    typer = taken["import typer"]
    table.figure("import typer", typer, "ms")
    for words in ("--help", "--version", "completion"):
        table.ratio(f"psyche-cli {words}", taken[words], typer, "aim 1.15 x [1.4 x]")
    table.figure("import solders, http.client", taken["reference"], "ms")
    table.ratio("psyche-cli json-dump-run", taken["dump"], taken["reference"], "aim 1.3 x [2.7 x]")
    table.figure("psyche-cli set-future-epoch-rates", taken["write"], "ms")
    table.figure("  more than json-dump-run", taken["write"] - taken["dump"], "ms", "aim 150 ms [450 ms]")


def _late_confirmations(table: Table, owner: Path, faraway: FarAway) -> None:
    """From the moment in which the endpoint would tell that a transaction landed until the sender knows, and then until
    it has the logs. It asks for them as soon as it knows."""
    faraway.latency = LATENCY
    chance = random.Random(8)
    table.section(f"confirmations 0.3 to 3 s after the sending, noticed at {faraway.latency * 1000:.0f} ms [at first]")
    environment = environment_of_this_process().replaced(stderr=io.StringIO())
    noticed, complete = [], []
    for rate in range(LATE_CONFIRMATIONS):
        with signing_session(
            environment, rpc=faraway.url, wallet_path=owner, state_folder=owner.parent / "state"
        ) as session:
            raw = session.rpc.account(instance_address("doors"))
            assert raw is not None
            instruction = session.instructions.set_future_epoch_rates(
                authority=session.wallet.address,
                instance=raw.address,
                account=decode_instance(raw).coordinator_account,
                earning_rate=1_000_000 + rate,
            )
            faraway.hold_back = chance.uniform(0.3, 3.0)
            session.sender.send([instruction], session.wallet, label="late")
            noticed.append((faraway.fetched_at - faraway.visible_at) * 1000)
            complete.append((time.monotonic() - faraway.visible_at) * 1000)
    faraway.hold_back = 0.0
    table.figure("noticed after, median", statistics.median(noticed), "ms")
    table.figure("noticed after, at most", max(noticed), "ms", "aim 350 ms [850 ms]")
    table.figure("receipt with logs after, at most", max(complete), "ms")
