"""The journal with real processes, a real validator and real files: kills, simultaneous use, a full disk."""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from psyche_cli.environment import SystemClock
from psyche_cli.errors import ExitCode
from psyche_cli.limits import COORDINATOR_ACCOUNT_BYTES
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.local_validator import LocalnetOptions, LocalValidator
from psyche_cli.protocol.programs import PUBLISHED
from psyche_cli.solana.rpc.client import RpcClient
from psyche_cli.solana.rpc.http import HttpTransport
from psyche_cli.solana.sending.journal import FILE_NAME
from psyche_cli.solana.wallet import Wallet
from tests.cli.conftest import MINIMAL
from tests.cli.harness import SOL, CommandLine
from tests.support.patience import PATIENCE

RECIPIENT = "GrAntee1111111111111111111111111111111111111"
TOP_UP = ("treasurer-top-up-rewards", "--run-id", "paying", "--collateral-amount", "1")


@dataclass
class Machine:
    """A validator on a socket, an owner, and a state folder that real processes and in-process commands share."""

    home: Path
    rpc_url: str
    runs: int = 1

    @property
    def variables(self) -> dict[str, str]:
        return {
            "RPC": self.rpc_url,
            "WALLET_PRIVATE_KEY_PATH": str(self.home / "owner.json"),
            "PSYCHE_CLI_STATE_DIR": str(self.home / "state"),
        }

    @property
    def cli(self) -> CommandLine:
        return CommandLine(self.home, HttpTransport, self.variables)

    def start(self, *words: str, within: tuple[str, ...] = (), **more: Any) -> subprocess.Popen[str]:
        """Start a command; ``within`` are the words of another command that runs it."""
        return subprocess.Popen(
            [*within, sys.executable, "-m", "psyche_cli", *words, "--output", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **self.variables},
            text=True,
            **more,
        )

    def vault(self) -> int:
        held: int = self.cli.json("rewards", "list", "--run-id", "paying")["vault_balance"]["base_units"]
        return held // 10**6

    def coordinator_accounts(self) -> int:
        rpc = RpcClient(HttpTransport(self.rpc_url), SystemClock())
        found = rpc.program_accounts(PUBLISHED.coordinator, [{"dataSize": COORDINATOR_ACCOUNT_BYTES}])
        rpc.close()
        return len(found)

    def unsettled(self) -> int:
        return len(self.cli.json("tx", "list")["transactions"])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    key = Wallet.generate()
    key.write_keypair_file(tmp_path / "owner.json")
    genesis = Genesis(balances={key.address: 1000 * SOL})
    options = LocalnetOptions(genesis=genesis, rpc_port=0, ledger=tmp_path / "ledger")
    with LocalValidator(options) as validator:
        machine = Machine(tmp_path, validator.rpc_url)
        mint = machine.cli.json("localnet", "new-mint", "--amount", "1000000")["mint"]
        machine.cli.json("create-run", "--run-id", "paying", "--treasurer-collateral-mint", mint)
        yield machine


def test_kills_at_random_moments(machine: Machine, random_seed: int, full: bool) -> None:
    """After each kill the journal opens. The repeated command takes effect once, directly or after tx resume."""
    chance = random.Random(random_seed)
    started = time.monotonic()
    process = machine.start(*TOP_UP)
    assert process.communicate(timeout=PATIENCE)[0]
    usual = time.monotonic() - started
    paid = machine.vault()
    assert paid == 1
    interrupted = 0
    for number in itertools.count():
        if number >= (50 if full else 10) and interrupted:
            break
        words = ("create-run", "--run-id", f"run-{number}") if number % 2 else TOP_UP
        process = machine.start(*words)
        usual *= 0.9 if number > 10 and not interrupted else 1.0  # the machine was busy before
        time.sleep(chance.uniform(0.3, 1.1) * usual)
        process.kill()
        output, _ = process.communicate(timeout=PATIENCE)
        interrupted += process.returncode == -signal.SIGKILL
        landed = 0
        if chance.random() < 0.5:
            resumed = machine.cli.json("tx", "resume")
            landed = sum(record["state"] == "landed" for record in resumed["settled"])
            assert machine.unsettled() == 0
            assert machine.vault() - paid <= 1
        again = machine.cli(*words, "--output", "json")
        assert machine.unsettled() == 0
        if words is not TOP_UP:
            machine.runs += 1
            assert again.code == 0 or again.json["error"]["context"]["as_requested"] is True
            assert machine.coordinator_accounts() == machine.runs, "a second account"
            continue
        assert again.code == 0, again.stderr
        told = bool(output.strip()) or landed > 0  # then the repetition is a second payment on purpose
        assert machine.vault() - paid in ({1, 2} if told else {1}), "a double payment"
        paid = machine.vault()


def test_two_processes_at_once_pay_once_each(machine: Machine) -> None:
    processes = [machine.start(*TOP_UP) for _ in range(2)]
    documents = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    assert [document["exit_code"] for document in documents] == [0, 0]
    signatures = {document["transactions"][0]["signature"] for document in documents}
    assert len(signatures) == 2, "each has made its own payment"
    assert machine.vault() == 2
    records = machine.cli.json("tx", "list", "--all")["transactions"]
    assert signatures <= {record["signature"] for record in records}
    assert machine.unsettled() == 0


def declared(machine: Machine, run_id: str) -> Path:
    """The file of a run that takes six steps, one of which pays 20 tokens."""
    mint = machine.cli("json-dump-run", "--run-id", "paying").json
    file = machine.home / f"{run_id}.toml"
    file.write_text(
        f"""version = 1
run_id = "{run_id}"
state = "running"
configuration = "{MINIMAL}"
[join]
everyone = true
[treasurer]
mint = "{mint["treasurer_run"]["collateral_mint"]}"
[rewards]
earning_rate = "1"
[funding]
keep_epochs = 50
max_per_top_up = "20"
max_in_all = "40"
"""
    )
    return file


def test_an_apply_that_is_killed_at_random_moments(machine: Machine, random_seed: int, full: bool) -> None:
    """Whatever the moment, applying again ends with the run as it is written, and nothing was done twice."""
    chance = random.Random(random_seed)
    started = time.monotonic()
    assert json.loads(machine.start("apply", str(declared(machine, "first")), "--yes").communicate()[0])["ok"]
    usual = time.monotonic() - started
    interrupted = 0
    for number in itertools.count():
        if number >= (30 if full else 2) and interrupted > 0:
            break
        run_id = f"declared-{number}"
        words = ("apply", str(declared(machine, run_id)), "--yes")
        process = machine.start(*words)
        time.sleep(chance.uniform(0.3, 1.0) * usual)
        process.kill()
        output, _ = process.communicate(timeout=PATIENCE)
        interrupted += process.returncode == -signal.SIGKILL
        if not output.strip():  # otherwise it has reached its end
            assert machine.cli(*words, "--output", "json").code == 0
        assert machine.unsettled() == 0
        machine.runs = number + 3
        assert machine.coordinator_accounts() == machine.runs, "a second account"
        dump = machine.cli("json-dump-run", "--run-id", run_id).json
        assert dump["treasurer_run"]["funded_collateral_amount"] == 20, "not one payment"
        assert dump["coordinator_account"]["status"]["state"] == "Waiting for members"


def test_two_applies_at_once_keep_the_limits(machine: Machine) -> None:
    """Each either does its work, or is refused because the other one is at it."""
    file = str(declared(machine, "twice"))
    processes = [machine.start("apply", file, "--yes") for _ in range(2)]
    documents = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    refused = [one["error"]["code"] for one in documents if not one["ok"]]
    assert refused in ([], ["apply_running"])
    for _ in range(2):
        assert machine.cli("apply", file, "--yes").code == 0
    dump = machine.cli("json-dump-run", "--run-id", "twice").json
    assert dump["treasurer_run"]["funded_collateral_amount"] == 40
    assert machine.coordinator_accounts() == 2


@pytest.mark.parametrize("bytes_left", [0, 4096, 10_000], ids=["new file", "one page", "two pages"])
def test_a_full_disk_refuses_before_anything_is_sent(machine: Machine, bytes_left: int) -> None:
    """The limit on the size of files has the same effect: SQLite cannot write."""
    (machine.home / "state" / FILE_NAME).unlink()
    before = len(machine.cli.json("tx", "list", "--all")["transactions"])
    process = machine.start(
        *TOP_UP, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, resource.RLIM_INFINITY))
    )
    output, errors = process.communicate(timeout=PATIENCE)
    document = json.loads(output)
    assert before == 0
    assert (document["exit_code"], document["error"]["code"]) == (12, "journal_error"), errors
    assert document["error"]["context"]["sent"] is False
    assert "The transaction was not sent." in errors
    assert machine.vault() == 0
    assert machine.cli(*TOP_UP).code == 0, "there is space again"


def on_a_small_disk(folder: Path, kilobytes: int) -> tuple[str, ...]:
    """The words of a command that runs another one with a file system of this size at ``folder``, without root."""
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs {shlex.quote(str(folder))}"
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh")


def test_a_disk_of_a_few_kilobytes(machine: Machine, full: bool) -> None:
    """However much space there is, the command either pays or refuses before anything is sent."""
    folder = machine.home / "state"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*on_a_small_disk(folder, 64), "true"], check=False).returncode
    ):
        pytest.skip("this system does not let a user mount a file system")
    codes = []
    for kilobytes in range(4, 68, 4) if full else (4, 16, 64):
        before = machine.vault()
        process = machine.start(*TOP_UP, within=on_a_small_disk(folder, kilobytes))
        output, errors = process.communicate(timeout=PATIENCE)
        document = json.loads(output)
        codes.append(document["exit_code"])
        paid = machine.vault() - before
        if codes[-1] == 0:
            assert paid == 1
            continue
        assert (codes[-1], paid) == (12, 0), errors
        assert document["error"]["context"]["sent"] is False
        assert "The transaction was not sent." in errors
    assert (codes[0], codes[-1]) == (12, 0)


def test_a_validator_that_cannot_write_ends_the_command_at_once(machine: Machine) -> None:
    """It is known that nothing was executed, so the command does not wait for the blockhash to expire."""
    shutil.rmtree(machine.home / "ledger")
    for words in (TOP_UP, ("localnet", "airdrop", RECIPIENT, "1")):
        outcome = machine.cli(*words, "--output", "json")
        assert outcome.code is ExitCode.NETWORK, outcome.stderr
        error = outcome.json["error"]
        assert (error["context"]["sent"], error["context"]["rpc_code"]) == (False, -32600)
        assert "cannot write to the ledger" in error["message"]
    assert machine.unsettled() == 0
    (machine.home / "ledger").mkdir()
    assert machine.cli(*TOP_UP).code == 0, "there is space again"
    assert machine.vault() == 1
