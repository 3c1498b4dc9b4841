"""500 damaged ledgers: each start restores the whole chain, or restores a prefix and reports it, or is rejected."""

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

from psyche_cli.errors import LocalnetError
from psyche_cli.localnet.chain.journal import BankState
from psyche_cli.localnet.storage.ledger import Ledger
from tests.localnet.harness import SOL, HandClock
from tests.localnet.lives import Life, file_of

LEDGERS = 500
STARTED_FOR_REAL = 25
"""So many of them are also started from and continued; ``--full`` starts all."""


def contents(state: BankState) -> object:
    """The state that two equal chains have in common."""
    accounts = {address: account for address, account in state.accounts.items() if not account.executable}
    return accounts, [record.signature for record in state.records], state.total, state.warped_seconds


@dataclass(frozen=True)
class Written:
    """An intact ledger file, the offsets of its parts, and the chain after each offset at which it changed."""

    name: str
    content: bytes
    base_end: int
    chains: dict[int, object]
    slots: dict[int, int]
    payer: Keypair

    def line_starts(self) -> list[int]:
        return [0, *(at + 1 for at, byte in enumerate(self.content) if byte == 10)][:-1]

    def chain_at(self, offset: int) -> tuple[object, int]:
        """The chain and the slot according to the lines before ``offset``."""
        end = max(end for end in self.chains if end <= offset)
        return self.chains[end], self.slots[end]


def write_ledger(folder: Path, chance: random.Random) -> Written:
    """A ledger with transactions in its base, and with every kind of line in its journal."""
    payer, clock, owner = Keypair(), HandClock(), Pubkey.new_unique()
    life = Life(folder, payer, clock)
    for number in range(8):
        life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL + number))
    life.bank.set_account(Pubkey.new_unique(), Account(5, chance.randbytes(3000), owner))
    life.begin_new_file()
    life.end()

    life = Life(folder, payer, clock)
    path = file_of(folder)
    chains: dict[int, object] = {}
    slots: dict[int, int] = {}

    def note() -> None:
        chains[path.stat().st_size] = contents(life.bank.save())
        slots[path.stat().st_size] = life.bank.slot

    content = path.read_bytes()
    base_end = line_at(content, content.index(b'{"base":'))[1]
    chains[base_end], slots[base_end] = contents(life.bank.save()), 1
    note()
    somebody = Pubkey.new_unique()
    for number in range(24):
        kind = number % 6
        if kind == 3:
            life.bank.set_account(somebody, Account(number, chance.randbytes(number * 100), owner))
        elif kind == 4:
            life.chain.pass_slots(30)
            life.chain.result("localnet_warpSeconds", 100 + number)
        elif kind == 5:
            life.bank.set_account(somebody, Account(0, b"", owner))
        else:
            life.chain.send(life.chain.transfer(Pubkey.new_unique(), SOL + number), skipPreflight=kind == 0)
        note()
    life.end()
    return Written(path.name, path.read_bytes(), base_end, chains, slots, payer)


def some_place(ledger: Written, chance: random.Random) -> int:
    """A random offset in the format line, the header, the base, its end, the journal or the closing line, equally
    likely."""
    starts = ledger.line_starts()
    end_of_base = starts[starts.index(ledger.base_end) - 1]
    bounds = [0, starts[1], starts[2], end_of_base, ledger.base_end, starts[-1], len(ledger.content)]
    part = chance.randrange(len(bounds) - 1)
    return chance.randrange(bounds[part], bounds[part + 1])


def line_at(content: bytes, place: int) -> tuple[int, int]:
    """The start and the end of the line that contains this byte."""
    return content.rfind(b"\n", 0, place) + 1, content.index(b"\n", place) + 1


Damage = Callable[[Written, random.Random], bytes]


def flip_a_bit(ledger: Written, chance: random.Random) -> bytes:
    damaged, place = bytearray(ledger.content), some_place(ledger, chance)
    damaged[place] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def replace_a_byte(ledger: Written, chance: random.Random) -> bytes:
    damaged, place = bytearray(ledger.content), some_place(ledger, chance)
    damaged[place] = chance.choice([byte for byte in range(256) if byte != damaged[place]])
    return bytes(damaged)


def remove_bytes(ledger: Written, chance: random.Random) -> bytes:
    place = some_place(ledger, chance)
    return ledger.content[:place] + ledger.content[place + chance.choice([1, 1, 50, 4096]) :]


def insert_bytes(ledger: Written, chance: random.Random) -> bytes:
    place = some_place(ledger, chance)
    return ledger.content[:place] + chance.choice([b"\n", b" ", b"0", b"\0" * 512]) + ledger.content[place:]


def zero_a_block(ledger: Written, chance: random.Random) -> bytes:
    place = some_place(ledger, chance)
    block = ledger.content[place : place + 512]
    return ledger.content[:place] + bytes(len(block)) + ledger.content[place + 512 :]


def remove_a_line(ledger: Written, chance: random.Random) -> bytes:
    start, end = line_at(ledger.content, some_place(ledger, chance))
    return ledger.content[:start] + ledger.content[end:]


def repeat_a_line(ledger: Written, chance: random.Random) -> bytes:
    start, end = line_at(ledger.content, some_place(ledger, chance))
    after = chance.choice([end, line_at(ledger.content, some_place(ledger, chance))[1]])
    return ledger.content[:after] + ledger.content[start:end] + ledger.content[after:]


def swap_two_lines(ledger: Written, chance: random.Random) -> bytes:
    lines = ledger.content.splitlines(keepends=True)
    first = ledger.content[: some_place(ledger, chance)].count(b"\n")
    second = chance.choice([number for number in range(len(lines)) if number != first])
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def cut_anywhere(ledger: Written, chance: random.Random) -> bytes:
    return ledger.content[: some_place(ledger, chance)]


def cut_between_lines(ledger: Written, chance: random.Random) -> bytes:
    return ledger.content[: line_at(ledger.content, some_place(ledger, chance))[0]]


def append_rubbish(ledger: Written, chance: random.Random) -> bytes:
    rubbish = [b"\n", b"\0" * 4096, b'{"until":[1,1,1,1]}\n', chance.randbytes(100), ledger.content]
    return ledger.content + chance.choice(rubbish)


def replace_by_another(ledger: Written, chance: random.Random) -> bytes:
    return chance.choice([b"", chance.randbytes(2000), b"\0" * len(ledger.content), b"[package]\nname = 'x'\n"])


KINDS: tuple[Damage, ...] = (
    flip_a_bit,
    replace_a_byte,
    remove_bytes,
    insert_bytes,
    zero_a_block,
    remove_a_line,
    repeat_a_line,
    swap_two_lines,
    cut_anywhere,
    cut_between_lines,
    append_rubbish,
    replace_by_another,
)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_ledger(tmp_path_factory.mktemp("ledger") / "written", random.Random(7))


def first_bad_line(ledger: Written, damaged: bytes) -> int:
    """The start of the first modified line, or of the line at which the file ends."""
    pairs = enumerate(zip(ledger.content, damaged, strict=False))
    first = next((at for at, (a, b) in pairs if a != b), min(len(damaged), len(ledger.content)))
    return ledger.content.rfind(b"\n", 0, first) + 1


def check_start(folder: Path, ledger: Written, damaged: bytes, *, for_real: bool) -> str:
    """Start from a damaged ledger; returns the outcome. Raises AssertionError if the chain is wrong without a
    report."""
    folder.mkdir()
    path = folder / ledger.name
    path.write_bytes(damaged)
    bad = first_bad_line(ledger, damaged)
    log: list[str] = []
    opened = Ledger(folder, reset=False, notice=log.append)
    refusal, stored = None, None
    try:
        stored = opened.load()
    except LocalnetError as error:
        refusal = error
    opened.close()
    if bad < ledger.base_end:
        assert refusal is not None
        assert refusal.hint
        assert [entry.name for entry in sorted(folder.iterdir())] == [path.name, "lock"]
        assert path.read_bytes() == damaged
        return "refused"
    assert stored is not None, refusal
    chain, slot = ledger.chain_at(bad)
    assert contents(stored.state) == chain
    assert stored.until.slot >= slot
    # Whatever is missing is announced, and every byte is somewhere.
    [notice] = log
    kept = b"".join(entry.read_bytes() for entry in folder.glob("*.damaged-*"))
    assert kept == damaged[bad:]
    assert path.read_bytes() == damaged
    total = stored.state.total
    if kept:
        assert f"Continuing with {total} transactions; the {len(kept):,} byte" in notice
    else:
        assert f"was not shut down cleanly. It is intact, with {total} transactions" in notice
    if for_real:
        check_life(folder, ledger, chain, slot, kept)
    return "set aside" if kept else "not closed"


def check_life(folder: Path, ledger: Written, chain: object, slot: int, kept: bytes) -> None:
    to = Pubkey.new_unique()
    life = Life(folder, ledger.payer, HandClock())
    assert contents(life.bank.save()) == chain
    assert life.bank.slot > slot
    life.chain.send(life.chain.transfer(to, SOL))
    continued = contents(life.bank.save())
    life.end()
    life = Life(folder, ledger.payer, HandClock())
    assert contents(life.bank.save()) == continued
    assert life.log[0].startswith("ledger: continuing at slot")
    life.end()
    assert b"".join(entry.read_bytes() for entry in folder.glob("*.damaged-*")) == kept


def test_damaged_ledgers_are_never_silently_wrong(tmp_path: Path, ledger: Written, full: bool) -> None:
    chance = random.Random(1)
    ends: dict[str, int] = {}
    tried = 0
    while tried < LEDGERS:
        kind = KINDS[tried % len(KINDS)]
        damaged = kind(ledger, chance)
        if damaged == ledger.content:  # the whole line was zero, or the cut was at the end
            continue
        for_real = full or tried % (LEDGERS // STARTED_FOR_REAL) == 0
        folder = tmp_path / "ledger"
        try:
            end = check_start(folder, ledger, damaged, for_real=for_real)
        except AssertionError as error:
            raise AssertionError(f"ledger {tried}: {kind.__name__}") from error
        shutil.rmtree(folder)
        ends[end] = ends.get(end, 0) + 1
        tried += 1
    assert sum(ends.values()) == LEDGERS
    assert set(ends) == {"refused", "set aside", "not closed"}
    assert min(ends.values()) >= LEDGERS // 50, ends


def test_undamaged_ledger_is_continued_without_a_notice(tmp_path: Path, ledger: Written) -> None:
    (tmp_path / ledger.name).write_bytes(ledger.content)
    life = Life(tmp_path, ledger.payer, HandClock())
    assert contents(life.bank.save()) == ledger.chain_at(len(ledger.content))[0]
    assert [line.partition(" at slot")[0] for line in life.log] == ["ledger: continuing"]
    life.end()
