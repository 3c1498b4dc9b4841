"""Rewrite ``recorded_answers.jsonl.xz``: ``python -m tests.programs.write_recorded_answers [RECORDING ...]``.

The inputs come from recordings of the published programs or, by default, from the file itself; the answers are those of
the built programs. Run this only if the format or the selection of sequences changes, or if our programs were found to
differ from the published ones, since the purpose of the file is to detect such differences.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from .recorded_answers import FILE, Answer, Call, Image, Put, Sequence, read, write
from .replay import Replay


def published(path: Path) -> list[Sequence]:
    """The sequences of a published recording, without their answers."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_sequence(json.loads(line)) for line in lines]


def _sequence(sequence: dict[str, Any]) -> Sequence:
    return Sequence(sequence["title"], tuple(_step(step) for step in sequence["steps"]))


def _step(step: dict[str, Any]) -> Put | tuple[Call, Answer]:
    if "set" in step:
        packed = step["data"].get("zlib")
        data = zlib.decompress(base64.b64decode(packed)) if packed else bytes(step["data"]["length"])
        return Put(_key(step["set"]), Image(step["lamports"], _key(step["owner"]), data))
    metas = [AccountMeta(_key(key), "s" in flags, "w" in flags) for key, flags in step["accounts"]]
    instruction = Instruction(_key(step["program"]), bytes.fromhex(step["data"]), metas)
    return Call(instruction, *step["clock"]), Answer(None, (), {})


def _key(digits: str) -> Pubkey:
    return Pubkey(bytes.fromhex(digits))


def main(arguments: list[str]) -> None:
    inputs = [sequence for argument in arguments for sequence in published(Path(argument))] or [*read()]
    replay = Replay()
    sequences = [replay.answers(sequence) for sequence in inputs]
    write(sequences)
    calls = sum(1 for sequence in sequences for _ in sequence.moments())
    sys.stdout.write(f"{len(sequences)} sequences, {calls} instructions, {FILE.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
