"""Linker of object files into one Solana program: garbage collection, layout and relocation.

The result depends only on the objects' bytes and their order, not on the machine.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import BuildError
from .image import HEADERS_SIZE, SyscallSite, write_image
from .instructions import CALL, INSTRUCTION_SIZE, adapt_code
from .objects import STB_GLOBAL, STB_LOCAL, ObjectFile, Relocation, Section, Symbol

R_BPF_64_64, R_BPF_64_ABS64, R_BPF_64_32 = 1, 2, 10
PROGRAM_START = 0x1_0000_0000  # where the VM maps the file: address = this + file offset
ENTRYPOINT = "entrypoint"

# A real cluster rejects the deployment of a program with any other syscall; LiteSVM accepts it, so check it here.
SYSCALLS = frozenset(
    {
        "abort",
        "sol_panic_",
        "sol_log_",
        "sol_log_64_",
        "sol_log_pubkey",
        "sol_log_compute_units_",
        "sol_log_data",
        "sol_sha256",
        "sol_keccak256",
        "sol_create_program_address",
        "sol_try_find_program_address",
        "sol_get_clock_sysvar",
        "sol_get_rent_sysvar",
        "sol_memcpy_",
        "sol_memmove_",
        "sol_memset_",
        "sol_memcmp_",
        "sol_invoke_signed_c",
        "sol_set_return_data",
        "sol_get_return_data",
        "sol_get_stack_height",
    }
)
_BUILTIN_TRAP = "__bpf_trap"  # called by LLVM 21 and later for __builtin_trap and unreachable code


@dataclass(frozen=True)
class Program:
    """A linked program: the ``.so`` file, its sizes in bytes, and its syscalls in order of first use."""

    image: bytes
    code_size: int
    constants_size: int
    syscalls: tuple[str, ...]


def link(objects: Sequence[ObjectFile], entrypoint: str = ENTRYPOINT) -> Program:
    """Link ``objects``; ``entrypoint`` is the name of the global function at which the VM starts.

    Raises ``BuildError`` for duplicate or undefined symbols, writable globals, and code that SBPF v0 cannot execute.
    """
    globals_ = _global_symbols(objects)
    start = globals_.get(entrypoint)
    if start is None or start.section is None:
        raise BuildError(f"no function {entrypoint} in any of {len(objects)} objects")

    reached = _reached_sections(objects, start.section, globals_)
    for section in reached:
        if section.is_writable:
            raise BuildError(f"{section.object_name}: {section.name} is a writable global, which programs cannot have")
        if section.is_code:
            adapt_code(section)
    code = [section for section in reached if section.is_code]
    constants = [section for section in reached if not section.is_code]
    code_start = _align(HEADERS_SIZE, INSTRUCTION_SIZE)
    code_end = _place(code, code_start, INSTRUCTION_SIZE)
    constants_start = _align(code_end, 16)
    constants_end = _place(constants, constants_start, 1)

    syscalls: list[str] = []
    sites: list[SyscallSite] = []
    for section in reached:
        for relocation in section.relocations:
            target = _resolve(relocation.symbol, globals_)
            if relocation.type == R_BPF_64_32 and target is None:
                sites.append(_call_syscall(section, relocation, syscalls))
            else:
                _fill_in(section, relocation, target)

    content = bytearray(constants_end)
    for section in reached:
        content[section.address : section.address + len(section.data)] = section.data
    image = write_image(
        bytes(content),
        code=(code_start, code_end),
        constants=(constants_start, constants_end),
        entrypoint=(entrypoint, start.section.address + start.value),
        syscalls=syscalls,
        sites=sorted(sites),
    )
    return Program(image, code_end - code_start, constants_end - constants_start, tuple(syscalls))


def _global_symbols(objects: Sequence[ObjectFile]) -> dict[str, Symbol]:
    """Every defined global or weak symbol by name; a global symbol overrides weak ones."""
    found: dict[str, Symbol] = {}
    for symbol in (symbol for object_file in objects for symbol in object_file.symbols):
        if symbol.binding == STB_LOCAL or symbol.section is None:
            continue
        earlier = found.get(symbol.name)
        if earlier is not None and earlier.binding == symbol.binding == STB_GLOBAL:
            names = [known.section.object_name for known in (earlier, symbol) if known.section is not None]
            raise BuildError(f"{symbol.name} is defined twice, in {' and in '.join(names)}")
        if earlier is None or symbol.binding == STB_GLOBAL:
            found[symbol.name] = symbol
    return found


def _resolve(symbol: Symbol, globals_: dict[str, Symbol]) -> Symbol | None:
    """The definition that ``symbol`` refers to, or None if no object contains one."""
    if symbol.binding != STB_LOCAL:
        return globals_.get(symbol.name)
    return symbol if symbol.section is not None else None


def _reached_sections(objects: Sequence[ObjectFile], first: Section, globals_: dict[str, Symbol]) -> list[Section]:
    """The non-empty sections that are reachable from ``first``, in input order."""
    reached: set[Section] = set()
    pending = [first]
    while pending:
        section = pending.pop()
        if section in reached:
            continue
        reached.add(section)
        targets = (_resolve(relocation.symbol, globals_) for relocation in section.relocations)
        pending += [target.section for target in targets if target is not None and target.section is not None]
    return [section for obj in objects for section in obj.sections if section in reached and section.data]


def _place(sections: Sequence[Section], position: int, least_alignment: int) -> int:
    """Assign consecutive addresses to the sections, starting at ``position``; return the end."""
    for section in sections:
        section.address = _align(position, max(section.align, least_alignment))
        position = section.address + len(section.data)
    return position


def _call_syscall(section: Section, relocation: Relocation, syscalls: list[str]) -> SyscallSite:
    """Turn a call of an undefined function into a syscall, which the loader resolves by name."""
    name = "abort" if relocation.symbol.name == _BUILTIN_TRAP else relocation.symbol.name
    if name not in SYSCALLS:
        raise BuildError(f"{_place_of(section, relocation)}: undefined, and not a syscall")
    if name not in syscalls:
        syscalls.append(name)
    _write_call(section, relocation.offset, -1)
    return SyscallSite(section.address + relocation.offset, syscalls.index(name))


def _fill_in(section: Section, relocation: Relocation, target: Symbol | None) -> None:
    """Write the target's address, or for a call its relative offset, into the section."""
    if target is None or target.section is None:
        raise BuildError(f"{_place_of(section, relocation)}: undefined")
    data, offset = section.data, relocation.offset
    address = target.section.address + target.value
    if relocation.type == R_BPF_64_32:
        (addend,) = struct.unpack_from("<i", data, offset + 4)  # in instructions, relative to the next one
        address += (addend + 1) * INSTRUCTION_SIZE
        distance = (address - section.address - offset) // INSTRUCTION_SIZE - 1
        if distance == -1:
            raise BuildError(f"{_place_of(section, relocation)}: a call to itself would be interpreted as a syscall")
        _write_call(section, offset, distance)
    elif relocation.type == R_BPF_64_64 and section.is_code:
        low, high = struct.unpack_from("<I", data, offset + 4)[0], struct.unpack_from("<I", data, offset + 12)[0]
        address += PROGRAM_START + (high << 32 | low)
        struct.pack_into("<I", data, offset + 4, address & 0xFFFFFFFF)
        struct.pack_into("<I", data, offset + 12, address >> 32)
        data[offset + 1] &= 0x0F  # a source register other than 0 marks Linux map references
    elif relocation.type in (R_BPF_64_64, R_BPF_64_ABS64):
        (addend,) = struct.unpack_from("<Q", data, offset)
        struct.pack_into("<Q", data, offset, address + PROGRAM_START + addend)
    else:
        raise BuildError(f"{_place_of(section, relocation)}: relocation type {relocation.type} is not supported")


def _write_call(section: Section, offset: int, immediate: int) -> None:
    struct.pack_into("<BBhi", section.data, offset, CALL, 0x10, 0, immediate)


def _place_of(section: Section, relocation: Relocation) -> str:
    target = relocation.symbol.name or (relocation.symbol.section.name if relocation.symbol.section else "?")
    return f"{section.object_name}:{section.name}+{relocation.offset:#x} -> {target}"


def _align(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
