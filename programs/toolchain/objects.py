"""Parser of relocatable BPF object files from Clang (ELF64, little-endian, ``e_machine`` 247)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .errors import BuildError

ELF_MAGIC = b"\x7fELF\x02\x01"  # 64-bit, little-endian
ET_REL = 1
EM_BPF = 247
SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 2, 4, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR = 1, 2, 4
SHN_COMMON = 0xFFF2
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2

_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQ")


@dataclass(frozen=True)
class SectionHeader:
    """The relevant fields of an ELF section header, with its name resolved."""

    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


@dataclass(eq=False)
class Section:
    """A loadable section. ``address`` is its position in the linked file, once the linker has assigned it."""

    object_name: str
    name: str
    flags: int
    align: int
    data: bytearray
    zero_filled: bool
    relocations: list[Relocation] = field(default_factory=list)
    address: int = 0

    @property
    def is_code(self) -> bool:
        """Holds instructions."""
        return bool(self.flags & SHF_EXECINSTR)

    @property
    def is_writable(self) -> bool:
        """Whether it holds writable data. Constants with pointers do not count, since linking makes these final."""
        constant_with_pointers = self.name.startswith(".data.rel.ro")
        return not constant_with_pointers and (self.zero_filled or bool(self.flags & SHF_WRITE))


@dataclass(frozen=True, eq=False)
class Symbol:
    """A named location in a section or, with ``section`` None, an undefined symbol."""

    name: str
    binding: int
    value: int
    section: Section | None


@dataclass(frozen=True, eq=False)
class Relocation:
    """A relocation: the final address of ``symbol`` is written at ``offset`` of the section, according to ``type``."""

    offset: int
    type: int
    symbol: Symbol


@dataclass(frozen=True)
class ObjectFile:
    """One object file: its loadable sections in file order, and its symbols."""

    name: str
    sections: list[Section]
    symbols: list[Symbol]


def read_object(name: str, image: bytes) -> ObjectFile:
    """Parse the object file ``image``; ``name`` is used in messages only.

    Raises ``BuildError`` if it is not a BPF object, or uses features that the linker does not support (common symbols,
    relocations with addends).
    """
    if image[: len(ELF_MAGIC)] != ELF_MAGIC:
        raise BuildError(f"{name}: not a 64-bit little-endian ELF file")
    file_type, machine = struct.unpack_from("<HH", image, 16)
    if file_type != ET_REL or machine != EM_BPF:
        raise BuildError(f"{name}: not a relocatable BPF object (type {file_type}, machine {machine})")

    headers = _section_headers(image)
    sections: dict[int, Section] = {}
    for index, header in enumerate(headers):
        if header.flags & SHF_ALLOC:
            zero_filled = header.type == SHT_NOBITS
            data = bytearray(header.size) if zero_filled else bytearray(_content(image, header))
            sections[index] = Section(name, header.name, header.flags, max(1, header.align), data, zero_filled)

    symbols = [
        symbol
        for header in headers
        if header.type == SHT_SYMTAB
        for symbol in _symbols(name, image, headers, header, sections)
    ]
    for header in headers:
        if header.info not in sections:
            continue
        if header.type == SHT_RELA:
            raise BuildError(f"{name}: relocations with addends ({header.name}) are not supported")
        if header.type == SHT_REL:
            target = sections[header.info]
            for offset, info in _RELOCATION.iter_unpack(_content(image, header)):
                target.relocations.append(Relocation(offset, info & 0xFFFFFFFF, symbols[info >> 32]))
    return ObjectFile(name, list(sections.values()), symbols)


def _section_headers(image: bytes) -> list[SectionHeader]:
    (table_offset,) = struct.unpack_from("<Q", image, 40)
    entry_size, count, names_index = struct.unpack_from("<HHH", image, 58)
    raw = [_SECTION_HEADER.unpack_from(image, table_offset + index * entry_size) for index in range(count)]
    names_offset = raw[names_index][4]
    return [
        SectionHeader(_text(image, names_offset + name), kind, flags, offset, size, link, info, align)
        for name, kind, flags, _, offset, size, link, info, align, _ in raw
    ]


def _symbols(
    name: str, image: bytes, headers: list[SectionHeader], table: SectionHeader, sections: dict[int, Section]
) -> Iterator[Symbol]:
    names_offset = headers[table.link].offset
    for text, info, _, section_index, value, _ in _SYMBOL.iter_unpack(_content(image, table)):
        symbol = Symbol(_text(image, names_offset + text), info >> 4, value, sections.get(section_index))
        if section_index == SHN_COMMON:
            raise BuildError(f"{name}: {symbol.name} is a writable global, which on-chain programs cannot have")
        yield symbol


def _content(image: bytes, header: SectionHeader) -> bytes:
    return image[header.offset : header.offset + header.size]


def _text(image: bytes, offset: int) -> str:
    return image[offset : image.index(b"\0", offset)].decode()
