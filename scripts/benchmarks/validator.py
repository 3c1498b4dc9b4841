"""The local validator under load, compared with the bare LiteSVM that it is based on."""

from __future__ import annotations

import base64
import functools
import statistics
import sys
import time

from solders.keypair import Keypair
from solders.litesvm import LiteSVM

from scripts.benchmarks import validator_server
from scripts.benchmarks.shell import Shell
from scripts.benchmarks.table import Table, milliseconds, percentile
from scripts.benchmarks.transfers import CONNECTIONS, Client, seconds_of_senders, signed_transfer, transfer_bytes

PER_CONNECTION = 500
BLOCKHASH_EVERY = 100
READS = 2000


def measure(shell: Shell, table: Table) -> None:
    """Time to ready, transactions per second, read latency and memory, each compared with bare LiteSVM."""
    table.section("local validator compared with bare LiteSVM")
    bare_start, bare_kilobytes = _bare_process(shell)
    payers = [Keypair() for _ in range(CONNECTIONS)]
    airdrops = [word for payer in payers for word in ("--airdrop", f"{payer.pubkey()}=1000")]
    with shell.validator(*airdrops) as validator:
        table.compare("time to ready", validator.ready_after, bare_start, "ms", "target: under 500")
        started_with = validator.resident_kilobytes()
        rate, bare_rate = _load(validator.rpc_url, payers), _bare_transfers(2000)
        table.compare(f"transfers, {CONNECTIONS} connections", rate, bare_rate, "tx/s", "target: 2,000")
        client = Client(validator.rpc_url)
        address = str(payers[0].pubkey())
        vm = LiteSVM()
        vm.airdrop(payers[0].pubkey(), 10**9)
        key = payers[0].pubkey()
        bare_read = statistics.median(milliseconds(lambda: vm.get_account(key), READS))
        for method, params in (("getBalance", [address]), ("getAccountInfo", [address]), ("getLatestBlockhash", [])):
            taken = milliseconds(functools.partial(client.call, method, *params), READS)
            p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
            table.compare(f"{method} p50", p50, bare_read, "ms")
            table.compare(f"{method} p99", p99, bare_read, "ms", "target: under 2")
        table.compare("memory after start", started_with / 1024, bare_kilobytes / 1024, "MiB")
        after = validator.resident_kilobytes() / 1024
        table.compare(
            f"memory after {CONNECTIONS * PER_CONNECTION:,} transactions", after, bare_kilobytes / 1024, "MiB"
        )
    ledger = ("--ledger", str(shell.folder / "ledger"), *airdrops)
    with shell.validator(*ledger) as validator:
        table.compare("the same transfers with a ledger", _load(validator.rpc_url, payers), bare_rate, "tx/s")
    with shell.validator(*ledger) as validator:
        table.compare("time to ready with that ledger", validator.ready_after, bare_start, "ms")
    validator_server.measure(shell, table)


def _bare_process(shell: Shell) -> tuple[float, int]:
    """Milliseconds to start a process with a VM, and its resident kilobytes (only on Linux; elsewhere 1)."""
    program = (
        "from solders.litesvm import LiteSVM; vm = LiteSVM(); import pathlib; "
        "status = pathlib.Path('/proc/self/status'); "
        "print(status.read_text().split('VmRSS:')[1].split()[0] if status.exists() else 1)"
    )
    taken = milliseconds(lambda: shell.run(sys.executable, "-c", program), 5)
    return statistics.median(taken), int(shell.run(sys.executable, "-c", program))


def _load(url: str, payers: list[Keypair]) -> float:
    """Confirmed transactions per second. The status of each sender's last transaction covers its earlier ones."""

    def send_all(payer: Keypair) -> None:
        client = Client(url)
        signature: object = None
        for number in range(PER_CONNECTION):
            if number % BLOCKHASH_EVERY == 0:
                blockhash = client.blockhash()
            raw = transfer_bytes(payer, number + 1, blockhash)
            signature = client.call("sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64"})
        status = client.call("getSignatureStatuses", [signature])
        assert isinstance(status, dict)
        assert status["value"][0]["err"] is None

    return CONNECTIONS * PER_CONNECTION / seconds_of_senders(send_all, payers)


def _bare_transfers(count: int) -> float:
    """Transfers per second in the bare VM, with signature verification."""
    vm = LiteSVM()
    payer = Keypair()
    vm.airdrop(payer.pubkey(), 10**12)
    transactions = [signed_transfer(payer, number + 1, vm.latest_blockhash()) for number in range(count)]
    start = time.perf_counter()
    for transaction in transactions:
        vm.send_transaction(transaction)
    return count / (time.perf_counter() - start)
