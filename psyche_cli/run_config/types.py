"""The kinds of values that a run configuration file is made of.

They describe; ``reader`` reads a file's values by them. What a range or a capacity is follows from the fixed-size
on-chain types: integers of 8 to 64 bits, IEEE floats of 32 or 64 bits, texts in a fixed number of bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

TOML_INTEGER_MAX = 2**63 - 1
"""TOML integers are signed 64-bit ones, so the upper half of a u64 cannot be written."""


@dataclass(frozen=True)
class Integer:
    """An unsigned integer of ``bits`` bits."""

    bits: int

    @property
    def maximum(self) -> int:
        """The largest value that a file can hold."""
        return min((1 << self.bits) - 1, TOML_INTEGER_MAX)

    @property
    def name(self) -> str:
        """As in the documentation: ``u16``."""
        return f"u{self.bits}"


@dataclass(frozen=True)
class Float:
    """A finite IEEE 754 number of ``bits`` bits (32 or 64)."""

    bits: int

    @property
    def name(self) -> str:
        """As in the documentation: ``f32``."""
        return f"f{self.bits}"


@dataclass(frozen=True)
class Boolean:
    """``true`` or ``false``."""

    name: str = "bool"


@dataclass(frozen=True)
class Text:
    """A text of at most ``capacity`` bytes of UTF-8, without NUL (which pads it on-chain)."""

    capacity: int

    @property
    def name(self) -> str:
        """As in the documentation: ``text of at most 64 bytes``."""
        return f"text of at most {self.capacity} bytes"


@dataclass(frozen=True)
class Array:
    """Exactly ``length`` values of one type."""

    item: Integer | Float
    length: int

    @property
    def name(self) -> str:
        """As in the documentation: ``array of 32 u8``."""
        return f"array of {self.length} {self.item.name}"


@dataclass(frozen=True)
class Field:
    """One key of a table: required unless ``optional``. ``meaning`` is a short phrase with units."""

    key: str
    type: FieldType
    meaning: str
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """A table with these keys and no others."""

    fields: tuple[Field, ...]
    name: str = "table"


@dataclass(frozen=True)
class Variant:
    """One way to fill a choice: a bare name, or a name with a payload."""

    name: str
    payload: FieldType | None = None


@dataclass(frozen=True)
class Choice:
    """One of several variants.

    A variant without payload is written as a text, one with payload as a table whose only key is the variant's name.
    """

    variants: tuple[Variant, ...]

    @property
    def name(self) -> str:
        """As in the documentation: ``one of "A", B``, with quotes around the bare names."""
        return "one of " + ", ".join(v.name if v.payload else f'"{v.name}"' for v in self.variants)


FieldType: TypeAlias = Integer | Float | Boolean | Text | Array | Table | Choice
