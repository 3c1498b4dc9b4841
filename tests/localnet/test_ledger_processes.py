"""Real processes: killed under load, killed at any time, and with a disk that fills up.

Every transaction that was reported as landed is present after the next start. ``--full`` repeats the three cases 50, 50
and 20 times.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from psyche_cli.localnet.chain.genesis import faucet_keypair
from psyche_cli.localnet.chain.history import History
from psyche_cli.localnet.storage.ledger import Ledger
from tests.localnet import fast_writer
from tests.localnet.harness import FEE, SOL, HandClock
from tests.localnet.lives import Life, file_of, log_of
from tests.localnet.senders import NOT_RECORDED, UNHEALTHY, Client, Sender, ledger_words, load, moment, total_landed
from tests.localnet.test_command import Running, environment, run, running

ROOT = Path(__file__).resolve().parents[2]


def check_all(validator: Running, senders: list[Sender]) -> None:
    client = Client(validator.rpc_url)
    for sender in senders:
        sender.check(client)
    assert client.result("getTransactionCount") == total_landed(senders)
    client.close()


def test_killed_under_load_it_has_every_confirmed_transaction(tmp_path: Path, full: bool) -> None:
    kills, chance = 50 if full else 3, random.Random(5)
    senders = [Sender() for _ in range(16)]
    words = ledger_words(str(tmp_path / "ledger"), senders)
    slot = 0
    for _ in range(kills):
        with running(tmp_path, *words) as validator:
            check_all(validator, senders)
            assert validator.result("getSlot") > slot
            slot = validator.result("getSlot")

            def kill(process: subprocess.Popen[str] = validator.process) -> None:
                time.sleep(moment(chance))
                process.kill()

            load(validator, senders, landed=total_landed(senders) + chance.randrange(1, 300), then=kill)
    with running(tmp_path, *words) as validator:
        check_all(validator, senders)
    assert total_landed(senders) >= kills


def test_killed_at_any_time_it_has_every_confirmed_transaction(tmp_path: Path, full: bool) -> None:
    kills, chance = 50 if full else 5, random.Random(6)
    folder, payer = tmp_path / "ledger", fast_writer.payer()
    confirmed: list[str] = []
    for number in range(kills):
        command = [sys.executable, "-m", "tests.localnet.fast_writer", str(folder)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment(tmp_path))
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
        if number % 4 == 0:
            # Somewhere in its start, in which the folder is created or the stored chain is read.
            time.sleep(chance.random() * 0.2)
        else:
            confirmed += [process.stdout.readline().strip() for _ in range(chance.randrange(1, 150))]
            time.sleep(moment(chance))
        process.kill()
        rest, _ = process.communicate()
        confirmed += rest.splitlines()
        check_copy(folder, tmp_path / "copy", confirmed)
    life = Life(folder, payer, HandClock())
    landed = life.bank.history.total
    moved = sum(fast_writer.FIRST_LAMPORTS + number for number in range(landed))
    assert life.chain.balance(fast_writer.RECEIVER) == moved
    assert life.chain.balance(payer.pubkey()) == 100 * SOL - moved - FEE * landed
    life.end()


def check_copy(folder: Path, copy: Path, confirmed: list[str]) -> None:
    """Raise AssertionError unless a killed validator's ledger has these transactions and at most one more."""
    if not folder.exists():
        assert not confirmed
        return
    shutil.copytree(folder, copy)
    log: list[str] = []
    ledger = Ledger(copy, reset=False, notice=log.append)
    stored = ledger.load()
    if stored is None:
        ledger.close()
        shutil.rmtree(copy)
        assert not confirmed
        return
    history = stored.continue_in(History(fast_writer.CAPACITY, ledger.archive))
    landed = [str(record.signature) for record in history.records()]
    ledger.close()
    shutil.rmtree(copy)
    # It may have been killed between executing and printing.
    assert len(confirmed) <= history.total <= len(confirmed) + 1
    if history.total > len(confirmed):
        confirmed.append(landed[-1])
    assert landed == confirmed[-fast_writer.CAPACITY :]
    assert not any("is damaged" in line for line in log), log


class LimitedValidator:
    """A validator process with a ledger, whose disk a test can fill and empty."""

    def __init__(self, home: Path, words: list[str]) -> None:
        command = [sys.executable, "-m", "tests.localnet.limited_validator", "localnet", "--rpc-port", "0"]
        self.process = subprocess.Popen(
            [*command, "--output", "json", "--slot-time", "0.05", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(home),
        )
        assert self.process.stdout is not None
        self.running = Running(self.process, self.process.stdout.readline())

    def limit(self, size: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{size}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "limited\n"

    def kill(self) -> str:
        """Kill the process; returns what it wrote to stderr."""
        self.process.kill()
        return self.process.communicate()[1]


def test_full_disk_loses_no_confirmed_transaction(tmp_path: Path, full: bool) -> None:
    disks, chance = 20 if full else 3, random.Random(8)
    folder = tmp_path / "ledger"
    senders = [Sender() for _ in range(6)]
    words = ledger_words(str(folder), senders)
    slot = 0
    for number in range(disks):
        validator = LimitedValidator(tmp_path, words)
        try:
            check_all(validator.running, senders)
            assert validator.running.result("getSlot") > slot
            fill_the_disk(validator, log_of(folder), senders, chance)
            if number % 2:
                validator.limit("-")
                send_more(validator.running, senders, total_landed(senders) + 20)
                check_all(validator.running, senders)
                assert validator.running.result("getHealth") == "ok"
            slot = validator.running.result("getSlot")
        finally:
            said = validator.kill()
        # A small line may have fitted in while a long one did not.
        assert said.count(": disk I/O error. The validator is read-only until") >= 1
        assert said.count("is writable again; the validator continues") >= number % 2
    with running(tmp_path, *words) as again:
        check_all(again, senders)
        assert again.result("getSlot") > slot
    assert all(sender.refused for sender in senders)


def send_more(validator: Running, senders: list[Sender], landed: int) -> None:
    load(validator, senders, landed=landed, enough=lambda: total_landed(senders) >= landed)


def fill_the_disk(validator: LimitedValidator, path: Path, senders: list[Sender], chance: random.Random) -> None:
    """Send until nothing more can be written, and check that everything is then rejected without visible effects."""
    before = {sender.to: len(sender.refused) for sender in senders}
    load(
        validator.running,
        senders,
        landed=total_landed(senders) + chance.randrange(30, 200),
        then=lambda: validator.limit(str(path.stat().st_size + chance.choice([0, chance.randrange(4000)]))),
        enough=lambda: all(len(sender.refused) > before[sender.to] + 2 for sender in senders),
    )
    check_all(validator.running, senders)
    # What a transaction found no room in may have been enough for a smaller change.
    validator.limit(str(path.stat().st_size))
    client = Client(validator.running.rpc_url)
    to = str(senders[0].to)
    for method, *params in (
        ("requestAirdrop", to, SOL),
        ("localnet_setAccount", to, {"lamports": SOL, "data": ["", "base64"]}),
        ("localnet_warpSeconds", 3600),
        ("localnet_warpSlots", 1000),
    ):
        answer = client.call(method, *params)
        assert "error" in answer, (method, json.dumps(answer))
        assert answer["error"]["code"] == NOT_RECORDED
    assert client.call("getHealth")["error"]["code"] == UNHEALTHY
    client.close()
    check_all(validator.running, senders)


def test_damaged_ledger_ends_the_command_with_11(tmp_path: Path) -> None:
    with running(tmp_path, "--ledger", str(tmp_path / "ledger")) as validator:
        code, _, said = validator.stop()
    assert code == 0
    assert "ledger: starting a new chain" in said
    path = file_of(tmp_path / "ledger")
    content = path.read_bytes()
    place = content.rindex(bytes(faucet_keypair().pubkey()))
    damaged = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    path.write_bytes(damaged)
    done = run(tmp_path, "--rpc-port", "0", "--output", "json", "--ledger", str(tmp_path / "ledger"))
    assert done.returncode == 11
    error = json.loads(done.stdout)["error"]
    assert f"The ledger {path} is damaged: " in error["message"]
    assert "Restore the ledger from a backup" in error["hint"]
    assert path.read_bytes() == damaged
