"""Damaged ledgers: each start restores the chain or an earlier state of it and reports that, or is rejected.

A damaged transaction is reported when it is read. Nothing wrong is ever shown as if it were right.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.archive import HistoryDamaged
from psyche_cli.localnet.chain.history import History
from psyche_cli.localnet.rpc.context import no_log
from psyche_cli.localnet.storage.ledger import Ledger, StoredChain
from tests.localnet.harness import SOL, HandClock
from tests.localnet.lives import Life, as_killed, file_of, log_of
from tests.support.counts import repetitions

FILES = repetitions(400)
LOGS = repetitions(200)
PAGE = 4096
FRAME = PAGE + 24


@dataclass(frozen=True)
class Written:
    """A ledger with its answers: the state after each change, and what the history says in the end."""

    folder: Path
    states: list[object]
    signatures: list[Signature]
    addresses: list[Pubkey]
    slots: list[int]
    answers: list[object]
    earlier: bytes
    """The file before the last changes."""


def contents(stored: StoredChain) -> object:
    """What is loaded at the start."""
    return stored.accounts, stored.history.total, stored.until.warped_seconds


def history_of(stored: StoredChain, ledger: Ledger) -> History:
    return stored.continue_in(History(20_000, ledger.archive))


def questions(written: Written) -> list[Callable[[History], object]]:
    """Reads of the history of all kinds."""
    return [
        *(lambda history, one=one: history.find(one) for one in written.signatures),
        *(lambda history, one=one: history.of_address(one, limit=1000) for one in written.addresses),
        *(lambda history, one=one: (history.block(one), history.of_slot(one)) for one in written.slots),
        lambda history: history.slots(0, 10**6),
        lambda history: history.oldest,
    ]


def write_ledger(folder: Path, chance: random.Random, *, closed: bool) -> Written:
    """A ledger with archived transactions and with ones that are not in the indexes yet."""
    payer, clock, owner = Keypair.from_seed(bytes([9] * 32)), HandClock(), Pubkey.new_unique()
    life = Life(folder, payer, clock, indexed_at_once=8)
    states, addresses, signatures, earlier = [], [payer.pubkey()], [], b""

    def note() -> None:
        copy = Ledger(as_killed(folder, folder.with_name("copy")), reset=False, notice=no_log)
        stored = copy.load()
        assert stored is not None
        states.append(contents(stored))
        copy.close()
        shutil.rmtree(folder.with_name("copy"))

    note()
    for number in range(48):
        kind = number % 6
        if kind == 3:
            life.bank.set_account(addresses[-1], Account(number, chance.randbytes(number * 100), owner))
        elif kind == 4:
            life.chain.pass_slots(30)
            life.chain.result("localnet_warpSeconds", 100 + number)
        elif kind == 5:
            life.bank.set_account(addresses[-1], Account(0, b"", owner))
        else:
            addresses.append(Pubkey.new_unique())
            sent = life.chain.send(life.chain.transfer(addresses[-1], SOL + number), skipPreflight=kind == 0)
            signatures.append(Signature.from_string(sent))
        if closed and number == 30:
            life.end()
            earlier = file_of(folder).read_bytes()
            life = Life(folder, payer, clock, indexed_at_once=8)
        note()
    slots = [record.slot for one in signatures if (record := life.bank.history.find(one)) is not None]
    assert len(slots) == len(signatures)
    if closed:
        life.end()
    else:
        as_killed(folder, folder.with_name("killed"))
        life.end()
        shutil.rmtree(folder)
        folder.with_name("killed").rename(folder)
    written = Written(folder, states, signatures, addresses, slots, [], earlier)
    ledger = Ledger(as_killed(folder, folder.with_name("copy")), reset=False, notice=no_log)
    stored = ledger.load()
    assert stored is not None
    written.answers.extend(ask(history_of(stored, ledger)) for ask in questions(written))
    ledger.close()
    return written


Damage = Callable[[bytes, bytes, random.Random], bytes]


def flip_a_bit(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def flip_a_bit_of_a_header(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    """Of a page, or at the start of the file."""
    damaged = bytearray(content)
    damaged[chance.randrange(len(content) // PAGE) * PAGE + chance.randrange(100)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def replace_bytes(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    place, size = chance.randrange(len(content)), chance.choice([1, 8, 100])
    return content[:place] + chance.randbytes(size) + content[place + size :]


def zero_a_block(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    place, size = chance.randrange(len(content) // 512) * 512, chance.choice([512, PAGE])
    return content[:place] + bytes(len(content[place : place + size])) + content[place + size :]


def swap_two_pages(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    first, second = chance.sample(range(len(pages)), 2)
    pages[first], pages[second] = pages[second], pages[first]
    return b"".join(pages)


def repeat_a_page(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    pages[chance.randrange(len(pages))] = chance.choice(pages)
    return b"".join(pages)


def lose_a_write(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    """A page of before the last changes."""
    at = chance.randrange(len(earlier) // PAGE) * PAGE if earlier else 0
    return content[:at] + earlier[at : at + PAGE] + content[at + len(earlier[at : at + PAGE]) :]


def cut(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def remove_bytes(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + content[place + chance.choice([1, 50, 512, PAGE]) :]


def insert_bytes(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + bytes(chance.choice([1, 512, PAGE])) + content[place:]


def append_rubbish(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    return content + chance.choice([b"\n", b"\0" * PAGE, chance.randbytes(100), content])


def replace_by_another(content: bytes, earlier: bytes, chance: random.Random) -> bytes:
    return chance.choice([b"", chance.randbytes(2000), b"\0" * len(content), b"[package]\nname = 'x'\n"])


KINDS: tuple[Damage, ...] = (
    *(flip_a_bit, flip_a_bit_of_a_header, replace_bytes, zero_a_block, swap_two_pages, repeat_a_page, lose_a_write),
    *(cut, remove_bytes, insert_bytes, append_rubbish, replace_by_another),
)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def check_start(folder: Path, written: Written) -> tuple[str, list[str]]:
    """Start from a damaged ledger; returns the outcome and the notices. Raises AssertionError if anything is wrong."""
    before, log = files_in(folder), list[str]()
    ledger = Ledger(folder, reset=False, notice=log.append)
    refusal, stored = None, None
    try:
        stored = ledger.load()
    except LocalnetError as error:
        refusal = error
    if refusal is not None:
        assert (refusal.exit_code, bool(refusal.hint)) == (11, True)
        ledger.close()
        assert files_in(folder) == before
        return "refused", log
    assert stored is not None
    state = contents(stored)
    if state != written.states[-1]:
        assert state in written.states
        ledger.close()
        return "earlier", log
    history, outcome = history_of(stored, ledger), "whole"
    for ask, expected in zip(questions(written), written.answers, strict=True):
        try:
            answer = ask(history)
        except HistoryDamaged:
            outcome = "damaged transactions"
            continue
        assert answer == expected
    ledger.close()
    return outcome, log


def test_damaged_files_are_never_silently_wrong(tmp_path: Path) -> None:
    chance = random.Random(1)
    written = write_ledger(tmp_path / "ledger", chance, closed=True)
    content = file_of(written.folder).read_bytes()
    assert [path.name for path in sorted(written.folder.iterdir())] == ["ledger.sqlite", "lock"]
    outcomes: dict[str, int] = {}
    for number in range(FILES):
        kind = KINDS[number % len(KINDS)]
        folder = tmp_path / "damaged"
        folder.mkdir()
        file_of(folder).write_bytes(kind(content, written.earlier, chance))
        try:
            outcome, log = check_start(folder, written)
        except AssertionError as error:
            raise AssertionError(f"ledger {number}: {kind.__name__}") from error
        assert log == []
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        shutil.rmtree(folder)
    assert set(outcomes) == {"whole", "damaged transactions", "refused"}, outcomes


def test_damaged_logs_are_never_silently_wrong(tmp_path: Path) -> None:
    chance = random.Random(2)
    written = write_ledger(tmp_path / "ledger", chance, closed=False)
    content = log_of(written.folder).read_bytes()
    outcomes: dict[str, int] = {}
    for number in range(LOGS):
        kind = KINDS[number % len(KINDS)]
        folder = tmp_path / "damaged"
        shutil.copytree(written.folder, folder)
        damaged = kind(content, b"", chance)
        log_of(folder).write_bytes(damaged)
        try:
            outcome, log = check_start(folder, written)
        except AssertionError as error:
            raise AssertionError(f"log {number}: {kind.__name__}") from error
        if outcome != "refused":
            # What is missing is announced, and kept.
            [notice] = log
            kept = [path.read_bytes() for path in folder.glob("ledger.damaged-from-byte-*")]
            assert all(part in damaged for part in kept)
            assert ("were copied to" in notice) == bool(kept)
            assert kept or "was not shut down cleanly. It is intact, with" in notice
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        shutil.rmtree(folder)
    assert {"whole", "earlier"} <= set(outcomes), outcomes


@pytest.mark.parametrize("closed", [True, False])
def test_undamaged_ledger_is_continued(tmp_path: Path, closed: bool) -> None:
    written = write_ledger(tmp_path / "ledger", random.Random(3), closed=closed)
    life = Life(written.folder, Keypair.from_seed(bytes([9] * 32)), HandClock())
    answers = [ask(life.bank.history) for ask in questions(written)]
    assert answers == written.answers
    assert [line.partition(" at slot")[0] for line in life.log][-1] == "ledger: continuing"
    assert len(life.log) == (1 if closed else 2)
    life.end()
