"""``psyche-cli localnet`` as a process: ready line, options and exit; and the related commands."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.errors import ExitCode
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.solana.deployments import program_data_address
from psyche_cli.solana.rpc.http import HttpTransport
from tests.cli.harness import CommandLine, Outcome
from tests.localnet.harness import some_program, text
from tests.localnet.lives import log_of
from tests.support.patience import PATIENCE


@dataclass(frozen=True)
class Running:
    """A validator process and its ready line."""

    process: subprocess.Popen[str]
    line: str

    @property
    def rpc_url(self) -> str:
        url: str = json.loads(self.line)["data"]["rpc_url"]
        return url

    def result(self, method: str, *params: Any) -> Any:
        transport = HttpTransport(self.rpc_url)
        try:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
            return json.loads(transport.send(body, timeout=PATIENCE))["result"]
        finally:
            transport.close()

    def value(self, method: str, *params: Any) -> Any:
        return self.result(method, *params)["value"]

    def send(self, payer: Keypair, *instructions: Instruction) -> str:
        blockhash = Hash.from_string(self.value("getLatestBlockhash")["blockhash"])
        message = Message.new_with_blockhash(list(instructions), payer.pubkey(), blockhash)
        signature: str = self.result(
            "sendTransaction", text(VersionedTransaction(message, [payer])), {"encoding": "base64"}
        )
        return signature

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, the rest of stdout, stderr."""
        self.process.send_signal(number)
        rest, talk = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest, talk


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "psyche_cli", "localnet", *words]


def refused(home: Path, *words: str) -> Outcome:
    """The result of a command that does not start a validator, run in this process for speed."""
    return CommandLine(home, HttpTransport)("localnet", *words)


@contextmanager
def running(home: Path, *words: str, port: str = "0", json_output: bool = True) -> Iterator[Running]:
    output = ("--output", "json") if json_output else ()
    process = subprocess.Popen(
        command("--rpc-port", port, *output, *words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
    )
    try:
        assert process.stdout is not None
        yield Running(process, process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), capture_output=True, text=True, env=environment(home), timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_ready_line_then_a_clean_end(tmp_path: Path, number: int) -> None:
    with running(tmp_path) as validator:
        ready = json.loads(validator.line)
        assert (ready["command"], ready["ok"], ready["exit_code"]) == ("localnet", True, 0)
        port = int(ready["data"]["rpc_url"].rpartition(":")[2])
        assert ready["data"]["ws_url"] == f"ws://127.0.0.1:{port + 1}"
        assert validator.stop(number) == (0, "", "The local validator has stopped.\n")


def test_human_readable_ready_line(tmp_path: Path) -> None:
    with running(tmp_path, json_output=False) as validator:
        assert validator.line.startswith("Local validator ready: RPC http://127.0.0.1:")
        assert validator.line.count("\n") == 1
        assert validator.stop()[0] == 0


def test_airdrops_are_exact_and_add_up(tmp_path: Path) -> None:
    first, second = Pubkey.new_unique(), Pubkey.new_unique()
    words = ("--airdrop", f"{first}=0.000000001", "--airdrop", f"{second}=10.25", "--airdrop", f"{second}=1.5")
    with running(tmp_path, *words) as validator:
        assert validator.value("getBalance", str(first)) == 1
        assert validator.value("getBalance", str(second)) == 11_750_000_000


def test_psyche_programs_are_loaded_and_can_be_replaced(tmp_path: Path) -> None:
    program, own = tmp_path / "own.so", Pubkey.new_unique()
    program.write_bytes(some_program())
    with running(
        tmp_path, "--bpf-program", "coordinator", str(program), "--bpf-program", str(own), str(program)
    ) as validator:
        addresses = [str(address) for address in (*PSYCHE_PROGRAMS.values(), own)]
        slice_only = {"encoding": "base64", "dataSlice": {"offset": 0, "length": 4}}
        accounts = validator.value("getMultipleAccounts", addresses, slice_only)
        assert all(account["executable"] for account in accounts)
        size = 45 + len(program.read_bytes())
        code_at = [str(program_data_address(address)) for address in (*PSYCHE_PROGRAMS.values(), own)]
        code = validator.value("getMultipleAccounts", code_at, slice_only)
        assert [account["space"] == size for account in code] == [True, False, False, True]


def test_transactions_are_logged_to_stderr_unless_quiet(tmp_path: Path) -> None:
    to = str(Pubkey.new_unique())
    for words, told in (((), True), (("--quiet",), False)):
        with running(tmp_path, *words) as validator:
            transport = HttpTransport(validator.rpc_url)
            body = {"jsonrpc": "2.0", "id": 1, "method": "requestAirdrop", "params": [to, 1_000_000]}
            signature = json.loads(transport.send(json.dumps(body).encode(), timeout=PATIENCE))["result"]
            transport.close()
            code, rest, talk = validator.stop()
        assert (code, rest) == (0, "")
        assert (signature in talk and to in talk) is told
        assert bool(talk) is told


def test_busy_port(tmp_path: Path) -> None:
    with running(tmp_path) as validator:
        port = validator.rpc_url.rpartition(":")[2]
        refused = run(tmp_path, "--rpc-port", port)
        assert refused.returncode == 11
        assert refused.stdout == ""
        assert f"Port {port} on 127.0.0.1 is already in use" in refused.stderr
        assert "--rpc-port" in refused.stderr
        as_json = json.loads(run(tmp_path, "--rpc-port", port, "--output", "json").stdout)
        assert (as_json["ok"], as_json["error"]["code"]) == (False, "port_in_use")


def test_bad_program_ends_before_the_ready_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(some_program()[:500])
    refused = run(tmp_path, "--rpc-port", "0", "--bpf-program", "treasurer", str(broken))
    assert refused.returncode == 11
    assert refused.stdout == ""
    assert str(broken) in refused.stderr
    assert "panicked" not in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--bpf-program", "coordinator"), "requires two values"),
        (("--bpf-program", "nobody", "x.so"), "--bpf-program"),
        (("--airdrop", "nobody=1"), "--airdrop"),
        (("--airdrop", "11111111111111111111111111111111"), "no amount"),
        (("--airdrop", "11111111111111111111111111111111=1.0000000001"), "more than 9 decimals"),
        (("--airdrop", "11111111111111111111111111111111=-1"), "negative"),
        (("--rpc-port", "70000"), "70000"),
        (("--rpc-port", "x"), "--rpc-port"),
    ],
)
def test_wrong_options(tmp_path: Path, words: tuple[str, ...], expected: str) -> None:
    outcome = refused(tmp_path, *words)
    assert (outcome.code, outcome.stdout) == (ExitCode.USAGE, "")
    assert expected in outcome.stderr


def test_new_wallet_is_private_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    made = run(tmp_path, "new-wallet", str(file))
    assert made.returncode == 0
    keypair = Keypair.from_bytes(bytes(json.loads(file.read_text())))
    assert made.stdout.splitlines()[0] == str(keypair.pubkey())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run(tmp_path, "new-wallet", str(file))
    assert again.returncode == 4
    assert "not be overwritten" in again.stderr
    assert Keypair.from_bytes(bytes(json.loads(file.read_text()))) == keypair


def test_new_wallet_and_mint_on_a_validator(tmp_path: Path) -> None:
    file = tmp_path / "owner.json"
    with running(tmp_path, "--quiet") as validator:
        words = ("--rpc", validator.rpc_url, "--output", "json")
        wallet = json.loads(run(tmp_path, "new-wallet", str(file), "--airdrop", "2.5", *words).stdout)["data"]
        assert wallet["lamports"] == 2_500_000_000
        made = run(tmp_path, "new-mint", "--wallet", str(file), "--decimals", "6", "--amount", "1000.25", *words)
        data = json.loads(made.stdout)["data"]
        assert data["minted"]["base_units"] == 1_000_250_000
        assert validator.value("getTokenAccountBalance", data["token_account"])["uiAmountString"] == "1000.25"
        supply = validator.value("getTokenSupply", data["mint"])
        assert (supply["amount"], supply["decimals"]) == ("1000250000", 6)
        [held] = validator.value(
            "getTokenAccountsByOwner", wallet["address"], {"mint": data["mint"]}, {"encoding": "jsonParsed"}
        )
        assert held["pubkey"] == data["token_account"]
        finer = run(tmp_path, "new-mint", "-w", str(file), "--decimals", "0", "--amount", "0.5", *words)
        assert finer.returncode == 2
        assert json.loads(finer.stdout)["error"]["code"] == "invalid_amount"


def test_damaged_ledger_is_reported_even_when_quiet(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    words = ("--quiet", "--ledger", str(ledger))
    with running(tmp_path, *words) as validator:
        validator.result("requestAirdrop", str(Pubkey.new_unique()), 1_000_000)
        validator.process.kill()
        validator.process.wait()
    log = log_of(ledger)
    with log.open("ab") as end:
        end.write(log.read_bytes()[-4120:])  # a frame, at a place where it is wrong
    with running(tmp_path, *words) as validator:
        assert validator.result("getTransactionCount") == 1
        code, rest, talk = validator.stop()
    assert (code, rest) == (0, "")
    assert "Continuing with 1 transaction; the 4,120 bytes from there were copied to" in talk
    assert "continuing at slot" in talk
