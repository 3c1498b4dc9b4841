"""Instruction checks for the Solana VM (SBPF v0), and the one rewrite that compiled code needs.

SBPF v0 is 64-bit BPF without signed division, atomics and 32-bit jumps. Its 32-bit arithmetic differs from Linux BPF
(results are sign-extended), so code must be compiled with ``-mcpu=v2``, which does not use it.
"""

from __future__ import annotations

import struct

from .errors import BuildError
from .objects import Section

INSTRUCTION_SIZE = 8
LOAD_IMMEDIATE_64 = 0x18  # occupies two instruction slots
CALL = 0x85
CALL_REGISTER = 0x8D
EXIT = 0x95

_ALU64_OPERATIONS = range(0x00, 0xD0, 0x10)  # add sub mul div or and lsh rsh neg mod xor mov arsh
_ARITHMETIC = frozenset(operation | 0x07 | source for operation in _ALU64_OPERATIONS for source in (0, 0x08)) - {0x8F}
_BYTE_SWAPS = frozenset({0xD4, 0xDC})
_CONDITIONS = (
    0x10,
    0x20,
    0x30,
    0x40,
    0x50,
    0x60,
    0x70,
    0xA0,
    0xB0,
    0xC0,
    0xD0,
)  # eq gt ge set ne sgt sge lt le slt sle
_JUMPS = frozenset({0x05} | {condition | 0x05 | source for condition in _CONDITIONS for source in (0, 0x08)})
_MEMORY = frozenset({0x61, 0x69, 0x71, 0x79, 0x62, 0x6A, 0x72, 0x7A, 0x63, 0x6B, 0x73, 0x7B})
ALLOWED = _ARITHMETIC | _BYTE_SWAPS | _JUMPS | _MEMORY | {LOAD_IMMEDIATE_64, CALL, CALL_REGISTER, EXIT}


def adapt_code(section: Section) -> None:
    """Check every instruction of a code section, and move the register of indirect calls to the field used by SBPF v0.

    Raises ``BuildError`` for the first instruction that SBPF v0 lacks or interprets differently.
    """
    code = section.data
    if len(code) % INSTRUCTION_SIZE:
        raise BuildError(f"{section.object_name}:{section.name}: size {len(code)} is not a multiple of 8")
    position = 0
    while position < len(code):
        opcode, registers, offset, _ = struct.unpack_from("<BBhi", code, position)
        where = f"{section.object_name}:{section.name}+{position:#x}"
        if opcode not in ALLOWED:
            raise BuildError(f"{where}: opcode {opcode:#x} does not exist in SBPF v0 (was it compiled with -mcpu=v2?)")
        if opcode in _ARITHMETIC and offset:
            raise BuildError(f"{where}: signed division or sign-extending move, which SBPF v0 lacks")
        if opcode == CALL_REGISTER and registers & 0x0F:
            # LLVM 19 and later put the register into the destination field, SBPF v0 expects it in the immediate.
            struct.pack_into("<BBhi", code, position, CALL_REGISTER, 0, 0, registers & 0x0F)
        position += 2 * INSTRUCTION_SIZE if opcode == LOAD_IMMEDIATE_64 else INSTRUCTION_SIZE
