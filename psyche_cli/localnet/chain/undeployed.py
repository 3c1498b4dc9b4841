"""Programs without code: closed ones, and program accounts whose program data does not exist.

A cluster answers an invocation with the log line "Program is not deployed" and the error UnsupportedProgramId. LiteSVM
can neither load such a program nor forget the code of a closed one, so it is given a program that always fails, and the
outcome is rewritten.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Final

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json


def program_returning(value: int) -> bytes:
    """The ELF file of a program that only returns ``value``: 0 for success, otherwise a custom error."""
    # SBPF version 0: mov64 r0, value; exit
    text = struct.pack("<BBhi", 0xB7, 0, 0, value) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    names = b"\0.text\0.shstrtab\0"
    text_at = 64
    names_at = text_at + len(text)
    sections_at = -(-(names_at + len(names)) // 8) * 8
    identification = b"\x7fELF\2\1\1".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 3, 247, 1, text_at, 0, sections_at, 0, 64, 56, 0, 64, 3, 2)
    sections = (
        bytes(64)
        + struct.pack("<IIQQQQIIQQ", 1, 1, 6, text_at, text_at, len(text), 0, 0, 8, 0)
        + struct.pack("<IIQQQQIIQQ", 7, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    )
    return (identification + header + text + names).ljust(sections_at, b"\0") + sections


FAILING_PROGRAM: Final = program_returning(1)
"""The ELF file that the VM runs in place of a program without code."""

_FAILED: Final = " failed: custom program error: 0x1"


def as_on_a_cluster(logs: tuple[str, ...], error: Json, undeployed: Collection[Pubkey]) -> tuple[tuple[str, ...], Json]:
    """Logs and error of a transaction, as on a cluster if it invoked a program without code."""
    failures = {f"Program {program}{_FAILED}" for program in undeployed}
    first = next((index for index, line in enumerate(logs) if line in failures), None)
    if first is None or not isinstance(error, dict):
        return logs, error
    # The line before is "consumed 2 of ... compute units". The programs that called this one fail with its error.
    callers = (line.replace(_FAILED, " failed: Unsupported program id") for line in logs[first:])
    return (
        (*logs[: first - 1], "Program is not deployed", *callers),
        {"InstructionError": [error["InstructionError"][0], "UnsupportedProgramId"]},
    )
