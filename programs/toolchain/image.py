"""Output of the shared object for Solana's loader.

The loader requires: one ``.text`` and one ``.rodata``, identified by name, with addresses equal to file offsets;
sections in file order without overlap; ``.dynsym`` and ``.dynstr``; a dynamic table that refers to them; and for each
syscall an ``R_BPF_64_32`` relocation against its name. All addresses are final, so no other relocations are needed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from .objects import ELF_MAGIC, EM_BPF

_ELF_HEADER_SIZE, _PROGRAM_HEADER_SIZE, _SECTION_HEADER_SIZE = 64, 56, 64
_PROGRAM_HEADERS = 4
HEADERS_SIZE = _ELF_HEADER_SIZE + _PROGRAM_HEADERS * _PROGRAM_HEADER_SIZE  # the first offset for code

_ET_DYN = 3
_PT_LOAD, _PT_DYNAMIC = 1, 2
_PF_X, _PF_W, _PF_R = 1, 2, 4
_SHT_PROGBITS, _SHT_STRTAB, _SHT_DYNAMIC, _SHT_REL, _SHT_DYNSYM = 1, 3, 6, 9, 11
_SHF_WRITE, _SHF_ALLOC, _SHF_EXECINSTR = 1, 2, 4
_DT_NULL, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SYMENT, _DT_REL, _DT_RELSZ, _DT_RELENT, _DT_TEXTREL = (
    0, 5, 6, 10, 11, 17, 18, 19, 22,
)  # fmt: skip
_DT_FLAGS, _DF_TEXTREL = 30, 4
_R_BPF_64_32 = 10
_GLOBAL_UNDEFINED, _GLOBAL_FUNCTION = 0x10, 0x12
_SYMBOL_SIZE, _RELOCATION_SIZE, _DYNAMIC_SIZE = 24, 16, 16
_TEXT_INDEX = 1

Span = tuple[int, int]


class SyscallSite(NamedTuple):
    """The file offset of a call instruction and the index of the syscall that it calls."""

    offset: int
    syscall: int


class _SectionEntry(NamedTuple):
    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int = 0
    info: int = 0
    align: int = 1
    entry_size: int = 0


def write_image(
    content: bytes,
    *,
    code: Span,
    constants: Span,
    entrypoint: tuple[str, int],
    syscalls: Sequence[str],
    sites: Sequence[SyscallSite],
) -> bytes:
    """The complete ELF file.

    ``content`` is the file up to the end of the constants, with ``HEADERS_SIZE`` bytes reserved at the start. ``code``
    and ``constants`` are (start, end) file offsets; ``entrypoint`` is a name and a file offset.
    """
    image = bytearray(content)
    sections = [_SectionEntry("", 0, 0, 0, 0, 0, align=0)]
    sections.append(_loaded(".text", _SHT_PROGBITS, code, _SHF_ALLOC | _SHF_EXECINSTR, align=8))
    if constants[1] > constants[0]:
        sections.append(_loaded(".rodata", _SHT_PROGBITS, constants, align=16))
    dynamic_index = len(sections)
    dynsym_index, dynstr_index = dynamic_index + 1, dynamic_index + 2

    names = _StringTable()
    symbols = bytearray(_SYMBOL_SIZE)
    for name in syscalls:
        symbols += struct.pack("<IBBHQQ", names.add(name), _GLOBAL_UNDEFINED, 0, 0, 0, 0)
    symbols += struct.pack("<IBBHQQ", names.add(entrypoint[0]), _GLOBAL_FUNCTION, 0, _TEXT_INDEX, entrypoint[1], 0)
    first_symbol = 1
    relocations = b"".join(
        struct.pack("<QQ", site.offset, (first_symbol + site.syscall) << 32 | _R_BPF_64_32) for site in sites
    )

    entries_of_dynamic = 11 if relocations else 6
    dynamic = _append(image, bytes(_DYNAMIC_SIZE * entries_of_dynamic), align=8)
    dynsym = _append(image, bytes(symbols), align=8)
    dynstr = _append(image, names.content, align=1)
    rel = _append(image, relocations, align=8)
    loaded_end = len(image)
    entries = []
    if relocations:
        entries += [(_DT_FLAGS, _DF_TEXTREL), (_DT_REL, rel[0]), (_DT_RELSZ, len(relocations))]
        entries += [(_DT_RELENT, _RELOCATION_SIZE), (_DT_TEXTREL, 0)]
    entries += [(_DT_SYMTAB, dynsym[0]), (_DT_SYMENT, _SYMBOL_SIZE), (_DT_STRTAB, dynstr[0])]
    entries += [(_DT_STRSZ, len(names.content)), (_DT_NULL, 0)]
    entries += [(_DT_NULL, 0)] * (entries_of_dynamic - len(entries))
    image[dynamic[0] : dynamic[1]] = b"".join(struct.pack("<QQ", *entry) for entry in entries)

    sections.append(
        _loaded(".dynamic", _SHT_DYNAMIC, dynamic, _SHF_ALLOC | _SHF_WRITE, link=dynstr_index, align=8, entry_size=16)
    )
    sections.append(_loaded(".dynsym", _SHT_DYNSYM, dynsym, link=dynstr_index, info=1, align=8, entry_size=24))
    sections.append(_loaded(".dynstr", _SHT_STRTAB, dynstr))
    if relocations:
        sections.append(_loaded(".rel.dyn", _SHT_REL, rel, link=dynsym_index, align=8, entry_size=_RELOCATION_SIZE))

    section_names = _StringTable()
    name_offsets = [section_names.add(section.name) if section.name else 0 for section in sections]
    name_offsets.append(section_names.add(".shstrtab"))
    start, end = _append(image, section_names.content, align=1)
    sections.append(_SectionEntry(".shstrtab", _SHT_STRTAB, 0, 0, start, end - start))
    table_offset = _append(image, b"", align=8)[0]
    for name_offset, section in zip(name_offsets, sections, strict=True):
        image += struct.pack("<IIQQQQIIQQ", name_offset, *section[1:])

    image[:_ELF_HEADER_SIZE] = struct.pack(
        "<16sHHIQQQIHHHHHH", ELF_MAGIC + b"\x01", _ET_DYN, EM_BPF, 1, entrypoint[1], _ELF_HEADER_SIZE, table_offset, 0,
        _ELF_HEADER_SIZE, _PROGRAM_HEADER_SIZE, _PROGRAM_HEADERS,
        _SECTION_HEADER_SIZE, len(sections), len(sections) - 1,
    )  # fmt: skip
    image[_ELF_HEADER_SIZE:HEADERS_SIZE] = (
        _program_header(_PT_LOAD, _PF_R | _PF_X, code)
        + _program_header(_PT_LOAD, _PF_R, constants)
        + _program_header(_PT_LOAD, _PF_R | _PF_W, (dynamic[0], loaded_end))
        + _program_header(_PT_DYNAMIC, _PF_R | _PF_W, dynamic)
    )
    return bytes(image)


class _StringTable:
    """An ELF string table: NUL-terminated strings after an initial NUL."""

    def __init__(self) -> None:
        self.content = b"\0"

    def add(self, text: str) -> int:
        """Append ``text`` and return its offset."""
        offset = len(self.content)
        self.content += text.encode() + b"\0"
        return offset


def _append(image: bytearray, data: bytes, *, align: int) -> Span:
    """Append ``data`` at the next multiple of ``align``; return its position."""
    image += bytes(-len(image) % align)
    start = len(image)
    image += data
    return start, len(image)


def _loaded(
    name: str,
    type_: int,
    span: Span,
    flags: int = _SHF_ALLOC,
    *,
    link: int = 0,
    info: int = 0,
    align: int = 1,
    entry_size: int = 0,
) -> _SectionEntry:
    start, end = span
    return _SectionEntry(name, type_, flags, start, start, end - start, link, info, align, entry_size)


def _program_header(type_: int, flags: int, span: Span) -> bytes:
    start, end = span
    align = 0x1000 if type_ == _PT_LOAD else 8
    return struct.pack("<IIQQQQQQ", type_, flags, start, start, start, end - start, end - start, align)
