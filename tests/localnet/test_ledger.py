"""The ledger: restored state after a restart, rejected files, and two validators at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.cluster_identity import IDENTITY
from psyche_cli.localnet.chain.genesis import Genesis
from psyche_cli.localnet.chain.known_addresses import PSYCHE_PROGRAMS
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.storage.ledger import Ledger
from tests.localnet.harness import FEE, SOL, HandClock
from tests.localnet.lives import Life, as_killed, file_of, log_of


def test_all_state_is_restored(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to, owner, hand_set, removed = (Pubkey.new_unique() for _ in range(4))
    first = Life(tmp_path, payer, clock)
    first.bank.set_account(hand_set, Account(7, bytes(range(256)) * 400, owner))
    first.bank.set_account(removed, Account(7, b"x", owner))
    first.bank.set_account(removed, Account(0, b"", owner))
    sent = first.chain.send(first.chain.transfer(to, SOL))
    failed = first.chain.send(first.chain.transfer(to, 1000 * SOL), skipPreflight=True)
    shown = first.chain.result("getTransaction", sent)
    first.chain.pass_slots(1)
    block, leader = first.chain.result("getBlock", shown["slot"]), first.chain.balance(IDENTITY)
    assert block["rewards"] != []
    genesis, height = first.chain.result("getGenesisHash"), first.chain.result("getBlockHeight")
    old_blockhash = first.chain.value("getLatestBlockhash")
    first.end()

    second = Life(tmp_path, payer, clock)
    chain = second.chain
    assert chain.balance(to) == SOL
    assert chain.balance(payer.pubkey()) == 99 * SOL - 2 * FEE
    assert chain.value("getAccountInfo", str(hand_set), {"encoding": "base64+zstd"})["space"] == 256 * 400
    assert second.bank.accounts.get(hand_set) == Account(7, bytes(range(256)) * 400, owner)
    assert [item["pubkey"] for item in chain.result("getProgramAccounts", str(owner), {"encoding": "base64"})] == [
        str(hand_set)
    ]
    assert chain.result("getTransaction", sent) == shown
    assert chain.result("getBlock", shown["slot"]) == block
    assert chain.balance(IDENTITY) == leader
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
def test_fast_clock_continues_where_it_stopped(tmp_path: Path, payer: Keypair, clock: HandClock, slots: int) -> None:
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


def test_sysvar_and_removal_survive_two_starts(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    rent, gone = Pubkey.from_string("SysvarRent111111111111111111111111111111111"), Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    before = life.bank.accounts.get(rent)
    assert before is not None
    changed = Account(before.lamports, (7).to_bytes(8, "little") + before.data[8:], before.owner)
    life.bank.set_account(rent, changed)
    life.bank.set_account(gone, Account(7, b"x", Pubkey.new_unique()))
    life.bank.set_account(gone, Account(0, b"", Pubkey.new_unique()))
    for _ in range(2):
        life.end()
        life = Life(tmp_path, payer, clock)
        assert life.bank.accounts.get(rent) == changed
        assert life.bank.accounts.get(gone) is None
    life.end()


def test_warp_survives_a_kill(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "used", payer, clock)
    # Less than what is written down ahead of time.
    times = [life.chain.result("localnet_warpSeconds", 3)["unixTimestamp"] for _ in range(4)]
    again = Life(as_killed(tmp_path / "used", tmp_path / "killed"), payer, clock)
    assert again.bank.timekeeper.warped_seconds == 12
    assert again.bank.time.unix_time == times[-1]
    again.end()
    life.end()


def test_one_process_at_a_time(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock)
    with pytest.raises(LocalnetError, match="in use by another"):
        Ledger(tmp_path, reset=False, notice=print)
    life.end()
    Life(tmp_path, payer, clock).end()


def test_invalid_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalnetError, match="Cannot write to the ledger"):
        Ledger(tmp_path / "file" / "ledger", reset=False, notice=print)


def test_reset_discards_the_ledger_of_an_earlier_version(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    earlier = tmp_path / "ledger-4.jsonl"
    earlier.write_bytes(b"psyche-cli ledger, format 2\n")
    with pytest.raises(
        LocalnetError, match="by an earlier psyche-cli, in a format that is no longer supported"
    ) as error:
        Life(tmp_path, payer, clock)
    assert "--reset" in error.value.hint
    assert earlier.read_bytes() == b"psyche-cli ledger, format 2\n"
    Life(tmp_path, payer, clock, reset=True).end()
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == ["ledger.sqlite", "lock"]


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "is empty", "Restore"),
        (b"something else\n", "is not a ledger", "another directory"),
        (b"\x00" * 5000, "is not a ledger", "--reset"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "is damaged", "Restore"),
    ],
)
def test_other_file_is_refused_and_left_alone(
    tmp_path: Path, payer: Keypair, clock: HandClock, content: bytes, message: str, hint: str
) -> None:
    path = file_of(tmp_path)
    path.write_bytes(content)
    with pytest.raises(LocalnetError, match=message) as refused:
        Life(tmp_path, payer, clock)
    assert hint in refused.value.hint
    assert path.read_bytes() == content
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == [path.name, "lock"]
    Life(tmp_path, payer, clock, reset=True).end()
    Life(tmp_path, payer, clock).end()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("PRAGMA application_id = 1", "is not a ledger"),
        ("PRAGMA user_version = 4", "by another version of psyche-cli, in format 4"),
        ("DELETE FROM chain", "the description of its content is missing"),
        ("DELETE FROM accounts WHERE id = 3", "0 of 10 rows|rows of accounts were found"),
        ("DELETE FROM signatures", "0 of 8 rows of signatures were found"),
        ("UPDATE addresses SET number = number + 100 WHERE number = 3", "rows of addresses were changed"),
        ("DELETE FROM blocks WHERE slot = 1", "rows of blocks were found"),
        ("DELETE FROM transactions WHERE number = 9", "transaction 9 is missing"),
        ("UPDATE transactions SET details = x'00' WHERE number = 10", "transaction 10 is missing or corrupt"),
        ("UPDATE accounts SET content = x'00'", "an account is corrupt, after 0 of"),
    ],
)
def test_rows_changed_by_another_program_are_refused(
    tmp_path: Path, payer: Keypair, clock: HandClock, change: str, message: str
) -> None:
    life = Life(tmp_path, payer, clock, indexed_at_once=8)
    for number in range(17):
        life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL + number))
    life.end()
    execute(file_of(tmp_path), change)
    content = file_of(tmp_path).read_bytes()
    with pytest.raises(LocalnetError, match=message):
        Life(tmp_path, payer, clock)
    assert file_of(tmp_path).read_bytes() == content


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_damaged_transaction_is_reported_when_it_is_read(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock, indexed_at_once=8)
    sent = [life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL + number)) for number in range(17)]
    slot = life.chain.status(sent[2])["slot"]
    life.end()
    execute(file_of(tmp_path), "UPDATE transactions SET summary = details WHERE number = 3")
    life = Life(tmp_path, payer, clock)
    assert life.chain.result("getTransaction", sent[1]) is not None
    address = str(payer.pubkey())
    assert len(life.chain.result("getSignaturesForAddress", address, {"before": sent[5], "limit": 2})) == 2
    for method, *params in (
        ("getTransaction", sent[2]),
        ("getSignatureStatuses", [sent[2]]),
        ("getSignaturesForAddress", address),
        ("getBlock", slot),
    ):
        error = life.chain.error(method, *params)
        assert error["code"] == -32603, method
        assert error["message"] == f"Transaction 3 in the ledger {file_of(tmp_path)} is missing or damaged."
        assert life.log[-1].endswith(error["message"])
    # Everything else goes on.
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    assert life.chain.result("getTransactionCount") == 18
    life.end()


def test_log_without_its_file_is_refused(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "used", payer, clock)
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    killed = as_killed(tmp_path / "used", tmp_path / "killed")
    life.end()
    file_of(killed).unlink()
    with pytest.raises(LocalnetError, match=r"ledger.sqlite is missing, but ledger.sqlite-wal exists"):
        Life(killed, payer, clock)
    Life(killed, payer, clock, reset=True).end()


def test_file_without_its_log_is_reported(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "used", payer, clock)
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    killed = as_killed(tmp_path / "used", tmp_path / "killed")
    life.end()
    log_of(killed).unlink()
    life = Life(killed, payer, clock)
    assert "was not shut down cleanly. It is intact, with 0 transactions; if" in life.log[0]
    life.end()


@pytest.mark.parametrize("cut", [1, 4119])
def test_incomplete_change_at_the_end_of_the_log_is_set_aside(
    tmp_path: Path, payer: Keypair, clock: HandClock, cut: int
) -> None:
    life = Life(tmp_path / "used", payer, clock)
    to = Pubkey.new_unique()
    life.chain.send(life.chain.transfer(to, SOL))
    whole = log_of(tmp_path / "used").stat().st_size
    life.chain.send(life.chain.transfer(to, 2 * SOL))
    killed = as_killed(tmp_path / "used", tmp_path / "killed")
    life.end()
    content = log_of(killed).read_bytes()[:-cut]
    log_of(killed).write_bytes(content)
    damage = b"another one"
    (killed / f"ledger.damaged-from-byte-{whole}").write_bytes(damage)
    life = Life(killed, payer, clock)
    assert life.chain.balance(to) == SOL
    assert "ledger.sqlite-wal ends in an incomplete change, as after a crash, from byte " in life.log[0]
    assert f"Continuing with 1 transaction; the {len(content) - whole:,} bytes from there were copied to" in life.log[0]
    assert (killed / f"ledger.damaged-from-byte-{whole}").read_bytes() == damage
    assert (killed / f"ledger.damaged-from-byte-{whole}.2").read_bytes() == content[whole:]
    life.end()


def test_damaged_header_of_the_log_is_reported(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "used", payer, clock)
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    killed = as_killed(tmp_path / "used", tmp_path / "killed")
    life.end()
    content = bytearray(log_of(killed).read_bytes())
    content[17] ^= 1
    log_of(killed).write_bytes(content)
    life = Life(killed, payer, clock)
    assert "ledger.sqlite-wal is damaged, from byte 0. Continuing with 0 transactions" in life.log[0]
    [kept] = killed.glob("ledger.damaged-*")
    assert kept.read_bytes() == content
    life.end()


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_something_other_than_a_file_is_refused(
    tmp_path: Path, payer: Keypair, clock: HandClock, make: Callable[[Path], None]
) -> None:
    make(file_of(tmp_path))
    with pytest.raises(LocalnetError, match=r"ledger.sqlite is not a regular file"):
        Life(tmp_path, payer, clock)


def test_blocks_of_stored_transactions_survive(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path, payer, clock, indexed_at_once=2)
    shown = {}
    for number in range(9):
        life.chain.pass_slots(3)
        blockhash = life.chain.blockhash()
        slot = life.chain.result("getSlot")
        for lamports in (SOL, 2 * SOL):
            life.chain.send(life.chain.transfer(Pubkey.new_unique(), lamports + number, at=blockhash))
        life.chain.pass_slots(1)
        shown[slot] = life.chain.result("getBlock", slot, {"transactionDetails": "signatures"})
        assert len(shown[slot]["signatures"]) == 2
    life.end()
    life = Life(tmp_path, payer, clock)
    assert {slot: life.chain.result("getBlock", slot, {"transactionDetails": "signatures"}) for slot in shown} == shown
    assert life.chain.result("getBlocks", 0, max(shown)) == sorted(shown)
    assert life.chain.result("getBlockTime", max(shown)) == shown[max(shown)]["blockTime"]
    assert life.chain.error("getBlock", min(shown) + 1)["code"] == -32007
    life.end()


def test_removed_program_stays_removed(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    genesis = Genesis(balances={payer.pubkey(): 100 * SOL})
    program = PSYCHE_PROGRAMS["treasurer"]
    life = Life(tmp_path, payer, clock, genesis=genesis)
    life.bank.set_account(program, Account(0, b"", Pubkey.default()))
    for _ in range(2):
        life.end()
        life = Life(tmp_path, payer, clock, genesis=genesis)
        assert life.bank.accounts.get(program) is None
    life.chain.result("localnet_reset")
    life.end()
    life = Life(tmp_path, payer, clock, genesis=genesis)
    assert life.bank.accounts.get(program) is not None
    life.end()
