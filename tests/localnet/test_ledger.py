"""The ledger: restored state after a restart, rejected files, and two validators at once."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.timekeeping import ClockMode
from psyche_cli.localnet.storage.ledger import Ledger
from psyche_cli.localnet.storage.ledger_lines import FORMAT_DIGEST, FORMAT_LINE, seal
from tests.localnet.harness import FEE, SOL, HandClock
from tests.localnet.lives import Life, as_killed, file_of, full_disk


def test_all_state_is_restored(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
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
    assert second.bank.accounts.get(hand_set) == Account(7, bytes(range(256)) * 400, owner)
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
    cuts = {
        base,
        *ends,
        *(end - 1 for end in ends),
        len(content),
        len(content) - 1,
        *random.Random(1).sample(range(base, len(content)), 20),
    }
    for cut in sorted(cuts):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        (folder / path.name).write_bytes(content[:cut])
        survived = sum(end <= cut for end in ends)
        life = Life(folder, payer, clock)
        assert life.chain.result("getTransactionCount") == survived
        assert life.chain.balance(to) == sum(SOL + number for number in range(survived))
        assert life.chain.balance(payer.pubkey()) + life.chain.balance(to) == 100 * SOL - survived * FEE
        kept = {copy.read_bytes() for copy in folder.glob("*.damaged-from-byte-*")}
        whole_lines = content[:cut].rfind(b"\n") + 1
        if cut == len(content):
            assert not life.log[0].startswith("ledger: /")
        elif cut == whole_lines:
            assert f"was not shut down cleanly. It is intact, with {survived} transaction" in life.log[0]
        else:
            assert "ends in an incomplete line" in life.log[0]
            assert f"Continuing with {survived} transaction" in life.log[0]
        assert kept == ({content[whole_lines:cut]} - {b""})
        life.end()


def test_flipped_byte_ends_the_chain_before_it_and_nothing_is_deleted(
    tmp_path: Path, payer: Keypair, clock: HandClock
) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    path = file_of(tmp_path)
    middle = path.stat().st_size
    life.chain.send(life.chain.transfer(to, 2 * SOL))
    life.chain.send(life.chain.transfer(to, 4 * SOL))
    life.end()
    content = bytearray(path.read_bytes())
    content[middle + 100] ^= 1
    path.write_bytes(content)
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == SOL
    [kept] = tmp_path.glob("*.damaged-from-byte-*")
    assert kept.read_bytes() == content[middle:]
    lines = bytes(content[:middle]).count(b"\n")
    assert life.log[0] == (
        f"ledger: {path} is damaged: line {lines + 1} (byte {middle}) is corrupt or does not follow the previous one. "
        f"Continuing with 1 transaction; the {len(content) - middle:,} bytes from there "
        f"(3 lines) were moved to {kept}"
    )
    life.end()


def test_same_name_of_other_damage_is_not_overwritten(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "first", payer, clock)
    path = file_of(tmp_path / "first")
    offset = path.stat().st_size
    life.end()
    broken = path.read_bytes()[:-2]
    path.write_bytes(broken)
    taken = path.with_name(f"{path.stem}.damaged-from-byte-{offset}")
    taken.write_bytes(b"of an earlier accident")
    Life(tmp_path / "first", payer, clock).end()
    assert taken.read_bytes() == b"of an earlier accident"
    assert taken.with_name(f"{taken.name}.2").read_bytes() == broken[offset:]


def test_incomplete_base_is_refused_and_left_alone(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    for number in range(10):
        life.chain.send(life.chain.transfer(to, SOL + number))
    life.begin_new_file()
    life.end()
    path = file_of(tmp_path)
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[content.index(b'{"transaction"') + 50] ^= 1
    path.write_bytes(damaged)
    line = content[: content.index(b'{"transaction"')].count(b"\n") + 1
    accounts = content[: content.index(b'{"transaction"')].count(b'{"accounts":[[')
    with pytest.raises(LocalnetError, match="is incomplete") as refused:
        Life(tmp_path, payer, clock)
    assert refused.value.exit_code == 11
    where = f"line {line} is missing, corrupt or out of order, after {accounts} of {accounts} accounts and 0 of 10"
    assert where in refused.value.message
    assert "Restore the file" in refused.value.hint
    assert "--reset" in refused.value.hint
    assert [entry.name for entry in sorted(tmp_path.iterdir())] == [path.name, "lock"]
    assert path.read_bytes() == damaged
    life = Life(tmp_path, payer, clock, reset=True)
    assert life.chain.balance(to) == 0
    life.end()


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "is empty", "Restore"),
        (b"something else\n", "is not a ledger", "another directory"),
        (b"\x00" * 5000, "is not a ledger", "--reset"),
        (b'0a1b2c3d {"format":1,"genesis":"x"}\n', "by an earlier psyche-cli in format 1", "--reset"),
        (b"psyche-cli ledger, format 3\n{}\n", "by a newer psyche-cli, in format 3", "Upgrade"),
        (b"psyche-cli ledger, format 2\n", "is incomplete: line 2 is missing", "Restore"),
    ],
)
def test_other_file_is_refused_and_left_alone(
    tmp_path: Path, payer: Keypair, clock: HandClock, content: bytes, message: str, hint: str
) -> None:
    path = tmp_path / "ledger-4.jsonl"
    path.write_bytes(content)
    with pytest.raises(LocalnetError, match=message) as refused:
        Life(tmp_path, payer, clock)
    assert hint in refused.value.hint
    assert path.read_bytes() == content
    Life(tmp_path, payer, clock, reset=True).end()
    assert file_of(tmp_path).name == "ledger-5.jsonl"


def test_intact_line_of_another_meaning_is_refused(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    line, _ = seal({"header": "of another kind"}, FORMAT_DIGEST)
    path = tmp_path / "ledger-1.jsonl"
    path.write_bytes(FORMAT_LINE + line)
    with pytest.raises(LocalnetError, match=r"Line 2 .* is intact but cannot be decoded"):
        Life(tmp_path, payer, clock)


def test_file_that_cannot_be_read_is_refused(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    (tmp_path / "ledger-1.jsonl").mkdir()
    with pytest.raises(LocalnetError, match=r"Cannot read the ledger .*: Is a directory"):
        Life(tmp_path, payer, clock)


@pytest.mark.parametrize("number", [1, 3])
def test_pipe_in_the_place_of_a_file_is_refused(tmp_path: Path, payer: Keypair, clock: HandClock, number: int) -> None:
    if number > 1:
        Life(tmp_path, payer, clock).end()
    os.mkfifo(tmp_path / f"ledger-{number}.jsonl")
    ledger = Ledger(tmp_path, reset=False, notice=print)
    with pytest.raises(LocalnetError, match=f"ledger-{number}.jsonl is not a regular file"):
        ledger.load()
    ledger.close()


def test_second_chain_in_the_folder_is_refused(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    life = Life(tmp_path / "own", payer, clock)
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    own = file_of(tmp_path / "own")
    backup = own.read_bytes()
    life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL))
    life.begin_new_file()
    life.end()
    newer = file_of(tmp_path / "own")
    # A copy of before the last transaction is not what the newer file replaced.
    own.write_bytes(backup)
    before = newer.read_bytes()
    with pytest.raises(LocalnetError, match=f"more than one chain: {newer.name} did not replace {own.name}"):
        Life(tmp_path / "own", payer, clock)
    assert (own.read_bytes(), newer.read_bytes()) == (backup, before)


def test_kill_between_the_new_file_and_the_removal_of_the_old_one(
    tmp_path: Path, payer: Keypair, clock: HandClock
) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock)
    life.chain.send(life.chain.transfer(to, SOL))
    old = file_of(tmp_path)
    content = old.read_bytes()
    life.begin_new_file()
    life.chain.send(life.chain.transfer(to, SOL + 1))
    life.end()
    old.write_bytes(content)
    (tmp_path / "ledger-3.draft").write_bytes(content[:1000])
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == 2 * SOL + 1
    life.begin_new_file()
    life.end()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["ledger-3.jsonl", "lock"]


def test_long_journal_is_replaced_by_a_state(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock, compact_after=20_000)
    first = file_of(tmp_path)
    for number in range(600):
        life.chain.send(life.chain.transfer(to, SOL // 1000 + number))
    assert file_of(tmp_path) != first
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == sum(SOL // 1000 + number for number in range(600))
    assert life.chain.result("getTransactionCount") == 600
    life.end()


def test_journal_that_cannot_be_replaced_grows_on(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to = Pubkey.new_unique()
    life = Life(tmp_path, payer, clock, compact_after=20_000)
    first = file_of(tmp_path)
    (tmp_path / "ledger-2.draft").mkdir()
    for number in range(600):
        life.chain.send(life.chain.transfer(to, SOL // 1000 + number))
    assert file_of(tmp_path) == first
    assert any("so it keeps growing: Is a directory" in line for line in life.log)
    (tmp_path / "ledger-2.draft").rmdir()
    for number in range(50):
        life.chain.send(life.chain.transfer(to, SOL // 1000 + 600 + number))
    assert file_of(tmp_path).name == "ledger-2.jsonl"
    life.end()
    life = Life(tmp_path, payer, clock)
    assert life.chain.balance(to) == sum(SOL // 1000 + number for number in range(650))
    life.end()


def test_start_continues_the_file_and_needs_little_space(tmp_path: Path, payer: Keypair, clock: HandClock) -> None:
    to, total = Pubkey.new_unique(), 0
    for number in range(4):
        life = Life(tmp_path, payer, clock)
        assert life.chain.balance(to) == total
        for lamports in range(160):
            total += SOL // 1000 + lamports
            life.chain.send(life.chain.transfer(to, SOL // 1000 + lamports))
        path = file_of(tmp_path)
        assert path.name == "ledger-1.jsonl"
        life.end()
        assert path.read_bytes().count(b'{"closed":') == 1
        if number:
            # Not the room that another base would take.
            with full_disk(path, spare=200):
                life = Life(tmp_path, payer, clock)
            life.end()
    life = Life(tmp_path, payer, clock, compact_after=1000)
    # It had grown, and so a new file takes its place at once.
    assert file_of(tmp_path).name == "ledger-2.jsonl"
    assert life.chain.balance(to) == total
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
        life.begin_new_file()
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
