"""Recorded sequences of raw instructions to the three programs, with their outcomes.

``recorded_answers.jsonl.xz`` contains the inputs of recordings of the published programs, and the outcomes of our
programs, which equal the published ones wherever they are comparable. To check against them:

    for sequence in read():
        for moment in sequence.moments():
            moment.call    # the instruction and the clock
            moment.before  # the content of every account before it
            moment.answer  # code (None: success), log, and the content of the writable accounts after a success

Every sequence begins with an empty ledger. Signatures are not verified. ``write_recorded_answers.py`` writes the file.
"""

from __future__ import annotations

import base64
import json
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from .chain import ABORT, PROGRAM_FILES, SYSTEM, Code, discriminator

FILE = Path(__file__).with_name("recorded_answers.jsonl.xz")

INSTRUCTIONS = {
    "coordinator": (
        *("init_coordinator", "free_coordinator", "update", "update_client_version", "set_future_epoch_rates"),
        *("join_run", "set_paused", "tick", "witness", "warmup_witness", "health_check", "checkpoint"),
    ),
    "authorizer": (
        *("authorization_create", "authorization_grantor_update", "authorization_grantee_update"),
        "authorization_close",
    ),
    "treasurer": ("run_create", "run_update", "participant_create", "participant_claim"),
}
NAMES = {(program, discriminator(name)): name for program, file in PROGRAM_FILES.items() for name in INSTRUCTIONS[file]}


@dataclass(frozen=True)
class Image:
    """The content of an account, which without lamports does not exist."""

    lamports: int
    owner: Pubkey
    data: bytes


NOTHING = Image(0, SYSTEM, b"")


@dataclass(frozen=True)
class Put:
    """An account set directly, without an instruction."""

    address: Pubkey
    image: Image


@dataclass(frozen=True)
class Call:
    """An instruction, alone in its transaction, and the clock at which it is executed."""

    instruction: Instruction
    unix_timestamp: int
    slot: int

    @property
    def name(self) -> str | None:
        """The instruction's name, or None for data with an unknown discriminator."""
        return NAMES.get((self.instruction.program_id, bytes(self.instruction.data)[:8]))


@dataclass(frozen=True)
class Answer:
    """The outcome of an instruction.

    ``code`` is that of :class:`~tests.programs.chain.Outcome`. ``logs`` are in the form of :func:`comparable`.
    ``after`` holds the writable accounts, except for programs. It is empty after a failure, which changes nothing.
    """

    code: Code
    logs: tuple[str, ...]
    after: Mapping[Pubkey, Image]


@dataclass(frozen=True)
class Moment:
    """An instruction, its answer, and the accounts before it (those that are missing do not exist)."""

    number: int
    call: Call
    answer: Answer
    before: Mapping[Pubkey, Image]


@dataclass(frozen=True)
class Sequence:
    """A sequence of steps: accounts set directly, and instructions with their outcomes."""

    title: str
    steps: tuple[Put | tuple[Call, Answer], ...]

    def moments(self) -> Iterator[Moment]:
        """The instructions, each with the accounts before it. The accounts are updated from one to the next."""
        ledger: dict[Pubkey, Image] = {}
        for number, step in enumerate(self.steps):
            if isinstance(step, Put):
                ledger[step.address] = step.image
            else:
                call, answer = step
                yield Moment(number, call, answer, ledger)
                ledger.update(answer.after)


def comparable(logs: tuple[str, ...], code: Code) -> tuple[str, ...]:
    """The log without implementation details: compute units, source locations, reasons of an abort."""
    lines = [line for line in logs if not re.match(r"Program \w+ consumed |Log truncated", line)]
    lines = [re.sub(r"(AnchorError thrown in) \S+?(\. Error Code)", r"\1 *\2", line) for line in lines]
    if code == ABORT:
        lines = [line for line in lines if not line.startswith("Program log: panicked at ")]
        lines = [re.sub(r"^(Program \w+ failed): .*", r"\1", line) for line in lines]
    return tuple(lines)


# --- the file ---------------------------------------------------------------------------------------------------------


def read(path: Path = FILE, wanted: Callable[[str], bool] = lambda title: True) -> Iterator[Sequence]:
    """Every recorded sequence whose title is ``wanted``, one at a time: all together take 500 MB."""
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            packed = json.loads(line)
            if wanted(packed["title"]):
                yield _sequence(packed)


def write(sequences: Iterable[Sequence], path: Path = FILE) -> None:
    """Write the file that :func:`read` reads. Equal sequences give equal bytes."""
    lines = [json.dumps(_Packer().sequence(sequence), separators=(",", ":")) + "\n" for sequence in sequences]
    path.write_bytes(lzma.compress("".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))


def _sequence(packed: dict[str, Any]) -> Sequence:
    """A line of the file. Keys are listed once and then referred to by index."""
    keys = [Pubkey(base64.b64decode(key)) for key in packed["keys"]]
    ledger: dict[Pubkey, Image] = {}
    steps: list[Put | tuple[Call, Answer]] = []
    for step in packed["steps"]:
        if "put" in step:
            address, image = _image(keys, ledger, step["put"])
            ledger[address] = image
            steps.append(Put(address, image))
            continue
        program, accounts, data, unix_timestamp, slot = step["call"]
        metas = [_meta(keys, account) for account in accounts.split()]
        call = Call(Instruction(keys[program], base64.b64decode(data), metas), unix_timestamp, slot)
        after = dict(_image(keys, ledger, image) for image in step.get("after", ()))
        ledger.update(after)
        steps.append((call, Answer(step["code"], tuple(step["logs"]), after)))
    return Sequence(packed["title"], tuple(steps))


def _meta(keys: list[Pubkey], account: str) -> AccountMeta:
    """``12sw``: the key at 12, signing and writable."""
    return AccountMeta(keys[int(account.rstrip("sw"))], "s" in account, "w" in account)


def _image(keys: list[Pubkey], ledger: Mapping[Pubkey, Image], packed: list[Any]) -> tuple[Pubkey, Image]:
    """An account, with its data as a diff against the previous data, zero-padded to the same length."""
    at, lamports, owner, length, *changes = packed
    data = bytearray(ledger.get(keys[at], NOTHING).data[:length].ljust(length, b"\0"))
    for offset, change in zip(changes[::2], changes[1::2], strict=True):
        new = base64.b64decode(change)
        data[offset : offset + len(new)] = new
    return keys[at], Image(lamports, keys[owner], bytes(data))


class _Packer:
    """Turns one sequence into a line of the file."""

    def __init__(self) -> None:
        self.keys: dict[Pubkey, int] = {}
        self.ledger: dict[Pubkey, Image] = {}

    def sequence(self, sequence: Sequence) -> dict[str, Any]:
        steps = [self._step(step) for step in sequence.steps]
        keys = [base64.b64encode(bytes(key)).decode() for key in self.keys]
        return {"title": sequence.title, "keys": keys, "steps": steps}

    def _step(self, step: Put | tuple[Call, Answer]) -> dict[str, Any]:
        if isinstance(step, Put):
            return {"put": self._image(step.address, step.image)}
        call, answer = step
        instruction = call.instruction
        accounts = " ".join(
            f"{self._key(meta.pubkey)}{'s' * meta.is_signer}{'w' * meta.is_writable}" for meta in instruction.accounts
        )
        data = base64.b64encode(bytes(instruction.data)).decode()
        packed: dict[str, Any] = {
            "call": [self._key(instruction.program_id), accounts, data, call.unix_timestamp, call.slot],
            "code": answer.code,
            "logs": answer.logs,
        }
        if answer.after:
            packed["after"] = [self._image(address, image) for address, image in answer.after.items()]
        return packed

    def _key(self, key: Pubkey) -> int:
        return self.keys.setdefault(key, len(self.keys))

    def _image(self, address: Pubkey, image: Image) -> list[Any]:
        length = len(image.data)
        before = self.ledger.get(address, NOTHING).data[:length].ljust(length, b"\0")
        self.ledger[address] = image
        packed: list[Any] = [self._key(address), image.lamports, self._key(image.owner), length]
        for start, end in _differing(before, image.data):
            packed += [start, base64.b64encode(image.data[start:end]).decode()]
        return packed


_BLOCK = 256  # how much is compared at a time
_GAP = 8  # fewer equal bytes than this do not end a change


def _differing(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """The ranges in which two byte strings of equal length differ."""
    spans: list[tuple[int, int]] = []
    for block in range(0, len(after), _BLOCK):
        if before[block : block + _BLOCK] == after[block : block + _BLOCK]:
            continue
        for at in range(block, min(block + _BLOCK, len(after))):
            if before[at] != after[at]:
                if spans and at - spans[-1][1] < _GAP:
                    spans[-1] = (spans[-1][0], at + 1)
                else:
                    spans.append((at, at + 1))
    return spans
