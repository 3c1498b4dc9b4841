"""The chain on disk: clean stops, kills in the middle of writes, damage, and two at once."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from psyche_cli.cluster.http import HttpTransport
from psyche_cli.errors import LocalnetError, Unreachable
from psyche_cli.localnet import ledger as ledger_module
from psyche_cli.localnet.bank import Bank
from psyche_cli.localnet.dispatcher import Dispatcher
from psyche_cli.localnet.genesis import Genesis
from psyche_cli.localnet.ledger import Ledger
from psyche_cli.localnet.local_validator import LocalnetOptions, continue_or_begin
from psyche_cli.localnet.rpc_context import RpcContext
from psyche_cli.localnet.timekeeping import ClockMode, Timekeeper
from tests.localnet.harness import FEE, SOL, Chain, HandClock, move, text
from tests.localnet.test_command import running


class Life:
    """One run of a validator with a ledger, in process."""

    def __init__(
        self, folder: Path, payer: Keypair, clock: HandClock, *, reset: bool = False, mode: ClockMode | None = None
    ) -> None:
        self.log: list[str] = []
        self.ledger = Ledger(folder, reset=reset, notice=self.log.append)
        genesis = Genesis(programs={}, balances={payer.pubkey(): 100 * SOL})
        options = LocalnetOptions(genesis, clock=clock, notice=self.log.append)
        try:
            self.bank: Bank = continue_or_begin(self.ledger, options, Timekeeper(clock, slot_seconds=0.5, mode=mode))
        except BaseException:
            self.ledger.close()
            raise
        self.chain = Chain(
            Dispatcher(RpcContext(self.bank, log=self.log.append, notice=self.log.append)), clock, payer, self.log
        )

    def end(self) -> None:
        self.ledger.close()


@pytest.fixture
def payer() -> Keypair:
    return Keypair()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def file_of(folder: Path) -> Path:
    [path] = folder.glob("ledger-*.jsonl")
    return path


def test_everything_is_there_again(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to, owner, hand_set, removed = (Pubkey.new_unique() for _ in range(4))
    first = Life(tmp_path, payer, clock)
    first.bank.set_account(hand_set, Account(7, bytes(range(256)) * 400, owner))
    first.bank.set_account(removed, Account(7, b"x", owner))
    first.bank.set_account(removed, Account(0, b"", owner))
    sent = first.chain.send(first.chain.transfer(to, SOL))
    failed = first.chain.send(first.chain.transfer(to, 1000 * SOL), skipPreflight=True)
    shown = first.chain.result("getTransaction", sent)
    genesis, height = first.chain.result("getGenesisHash"), first.chain.result("getBlockHeight")
    old_blockhash = first.chain.value("getLatestBlockhash")
    first.end()

    second = Life(tmp_path, payer, clock)
    chain = second.chain
    assert chain.balance(to) == SOL
    assert chain.balance(payer.pubkey()) == 99 * SOL - 2 * FEE
    assert chain.value("getAccountInfo", str(hand_set), {"encoding": "base64+zstd"})["space"] == 256 * 400
    assert second.bank.account(hand_set) == Account(7, bytes(range(256)) * 400, owner)
    assert [item["pubkey"] for item in chain.result("getProgramAccounts", str(owner), {"encoding": "base64"})] == [
        str(hand_set)
    ]
    assert chain.result("getTransaction", sent) == shown
    assert chain.status(failed)["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert chain.result("getTransactionCount") == 2
    assert chain.result("getGenesisHash") == genesis
    # No blockhash of the former life is accepted, and its clients can tell from the height.
    assert chain.value("isBlockhashValid", old_blockhash["blockhash"]) is False
    assert chain.value("isBlockhashValid", genesis) is False
    assert chain.result("getBlockHeight") > old_blockhash["lastValidBlockHeight"] > height
    chain.send(chain.transfer(to, SOL))
    second.end()


@pytest.mark.parametrize("slots", [1, 30])
def test_fast_clock_goes_on_where_it_was(tmp_path: Path, payer: Keypair, clock: HandClock, slots: int) -> None:
    fast = ClockMode("scale", 10_000)
    times = []
    for warp in (0, 86_400, 0):
        life = Life(tmp_path, payer, clock, mode=fast)
        life.chain.result("localnet_warpSeconds", warp)
        for _ in range(slots):
            life.chain.pass_slots(1)
            times.append(life.chain.result("getBlockTime", life.chain.result("getSlot")))
        life.end()
    assert times == sorted(set(times))
    # No more than what passed: the slots, the warp, and what may be missing of the end of each life.
    assert times[-1] - times[0] < 3 * (slots + 2) * 5000 + 86_400 + 2 * 60
    life = Life(tmp_path, payer, clock)
    assert life.chain.result("getBlockTime", life.chain.result("getSlot")) == int(clock.unix_time()) + 86_400
    life.end()


def test_slots_never_go_back(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life, last = Life(tmp_path, payer, clock), 0
    for idle in (3, 24, 26, 400):
        life.chain.pass_slots(idle)
        slot = life.chain.result("getSlot")
        assert slot > last
        last = slot
        life.end()
        life = Life(tmp_path, payer, clock)
        assert life.chain.result("getSlot") > last
    life.end()


def test_reset_and_restore_are_kept(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    snapshot = life.chain.result("localnet_takeSnapshot")
    life.chain.send(life.chain.transfer(to, 2 * SOL))
    life.chain.result("localnet_warpSeconds", 1000)
    life.chain.result("localnet_restoreSnapshot", snapshot)
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == SOL
    assert life.bank.timekeeper.warped_seconds == 0
    life.chain.result("localnet_warpSeconds", 500)
    life.chain.send(life.chain.transfer(to, 3 * SOL))
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == 4 * SOL
    assert life.bank.timekeeper.warped_seconds == 500
    life.end()
    life = Life(tmp_path, payer, clock, reset=True)
    assert life.chain.balance(to) == 0
    assert life.chain.result("getTransactionCount") == 0
    life.end()


def test_file_cut_at_any_byte_gives_a_consistent_earlier_state(
    tmp_path: Path, payer: Keypair, clock: HandClock
) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path / "whole", payer, clock)
    ends = []
    path = file_of(tmp_path / "whole")
    base = path.stat().st_size
    for number in range(6):
        life.chain.send(life.chain.transfer(to, SOL + number))
        ends.append(path.stat().st_size)
    life.end()
    content = path.read_bytes()
    cuts = {base, *ends, *(end - 1 for end in ends), *random.Random(1).sample(range(base, len(content)), 20)}
    for cut in sorted(cuts):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / path.name).write_bytes(content[:cut])
        survived = sum(end <= cut for end in ends)
        life = Life(folder, payer, clock)
        assert life.chain.result("getTransactionCount") == survived
        assert life.chain.balance(to) == sum(SOL + number for number in range(survived))
        assert life.chain.balance(payer.pubkey()) + life.chain.balance(to) == 100 * SOL - survived * FEE
        assert any("damaged and dropped" in line for line in life.log) is (cut not in {base, *ends})
        life.end()


def test_flipped_byte_ends_the_history_before_it(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    path = file_of(tmp_path)
    middle = path.stat().st_size
    life.chain.send(life.chain.transfer(to, 2 * SOL))
    life.end()
    content = bytearray(path.read_bytes())
    content[middle + 100] ^= 1
    path.write_bytes(content)
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == SOL
    life.end()


def test_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    path = tmp_path / "ledger-4.jsonl"
    path.write_text("something else\n")
    with pytest.raises(LocalnetError, match="not a ledger") as refused:
        Life(tmp_path, payer, clock)
    assert "--reset" in refused.value.hint
    assert path.read_text() == "something else\n"


def test_long_journal_is_replaced_by_a_state(
    tmp_path: Path, payer: Keypair, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_GROWTH", 20_000)
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    first = file_of(tmp_path)
    for number in range(100):
        life.chain.send(life.chain.transfer(to, SOL // 100 + number))
    assert file_of(tmp_path) != first
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == sum(SOL // 100 + number for number in range(100))
    assert life.chain.result("getTransactionCount") == 100
    life.end()


def test_failing_disk_refuses_transactions_until_it_works_again(
    tmp_path: Path, payer: Keypair, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    real_write = os.write

    def half_then_full(descriptor: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return real_write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", half_then_full)
    error = life.chain.error("sendTransaction", text(life.chain.transfer(to, 2 * SOL)), {"encoding": "base64"})
    assert error["code"] == -32603
    assert any("No space left on device" in line for line in life.log)
    monkeypatch.undo()
    life.chain.send(life.chain.transfer(to, 4 * SOL))
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == 7 * SOL
    life.end()


def test_one_process_at_a_time(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock)
    with pytest.raises(LocalnetError, match="in use by another"):
        Ledger(tmp_path, reset=False, notice=print)
    life.end()
    Life(tmp_path, payer, clock).end()


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalnetError, match="cannot be written"):
        Ledger(tmp_path / "file" / "ledger", reset=False, notice=print)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_process_has_every_confirmed_transaction(tmp_path: Path, seed: int) -> None:
    payer, to = Keypair(), Pubkey.new_unique()
    words = ("--quiet", "--ledger", str(tmp_path / "ledger"), "--airdrop", f"{payer.pubkey()}=1000")
    confirmed = 0
    with running(tmp_path, *words) as validator:
        transport = HttpTransport(validator.rpc_url)

        def call(method: str, *params: Any) -> Any:
            body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
            return json.loads(transport.send(body, timeout=10))["result"]

        blockhash = Hash.from_string(call("getLatestBlockhash")["value"]["blockhash"])
        chance, stop_at = random.Random(seed), random.Random(seed).randrange(20, 200)
        pid = validator.process.pid
        try:
            for number in range(400):
                transaction = sign(payer, to, 1_000_000 + number, blockhash)
                if number == stop_at:
                    # Somewhere between this request's arrival and its answer.
                    os.kill(pid, signal.SIGKILL) if chance.random() < 0.5 else _kill_soon(pid)
                call("sendTransaction", transaction, {"encoding": "base64"})
                confirmed += 1
        except Unreachable:
            pass
        transport.close()
        validator.process.wait(10)
    assert confirmed < 400
    with running(tmp_path, *words) as again:
        balance = again.value("getBalance", str(to))
        landed = next(count for count in range(402) if sum(1_000_000 + n for n in range(count)) == balance)
        assert landed in (confirmed, confirmed + 1)
        assert again.value("getBalance", str(payer.pubkey())) == 1000 * SOL - balance - landed * FEE


def _kill_soon(pid: int) -> None:
    threading.Timer(0.002, os.kill, (pid, signal.SIGKILL)).start()


def sign(payer: Keypair, to: Pubkey, lamports: int, blockhash: Hash) -> str:
    message = Message.new_with_blockhash([move(payer, to, lamports)], payer.pubkey(), blockhash)
    return text(VersionedTransaction(message, [payer]))
