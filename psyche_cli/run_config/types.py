"""The value types of a run configuration file, against which ``reader`` validates values.

Ranges and capacities are those of the on-chain types: integers of 8 to 64 bits, IEEE 754 floats of 32 or 64 bits, and
strings with a fixed capacity in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

TOML_INTEGER_MAX = 2**63 - 1
"""Maximum of TOML's signed 64-bit integers; larger u64 values cannot be written in a file."""


@dataclass(frozen=True)
class Integer:
    """An unsigned integer of ``bits`` bits."""

    bits: int

    @property
    def maximum(self) -> int:
        """The largest value that can be written in a file."""
        return min((1 << self.bits) - 1, TOML_INTEGER_MAX)

    @property
    def name(self) -> str:
        """The name used in messages and documentation, such as ``u16``."""
        return f"u{self.bits}"


@dataclass(frozen=True)
class Float:
    """A finite IEEE 754 number of ``bits`` bits (32 or 64)."""

    bits: int

    @property
    def name(self) -> str:
        """The name used in messages and documentation, such as ``f32``."""
        return f"f{self.bits}"


@dataclass(frozen=True)
class Boolean:
    """``true`` or ``false``."""

    name: str = "bool"


@dataclass(frozen=True)
class Text:
    """A string of at most ``capacity`` bytes of UTF-8, without NUL characters, which are the padding on-chain."""

    capacity: int

    @property
    def name(self) -> str:
        """The name used in messages and documentation, such as ``string of at most 64 bytes``."""
        return f"string of at most {self.capacity} bytes"


@dataclass(frozen=True)
class Array:
    """An array with exactly ``length`` items of one type."""

    item: Integer | Float
    length: int

    @property
    def name(self) -> str:
        """The name used in messages and documentation, such as ``array of 32 u8``."""
        return f"array of {self.length} {self.item.name}"


@dataclass(frozen=True)
class Field:
    """A key of a table, required unless ``optional``. ``meaning`` is a short description with units."""

    key: str
    type: FieldType
    meaning: str
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """A table with exactly these keys."""

    fields: tuple[Field, ...]
    name: str = "table"


@dataclass(frozen=True)
class Variant:
    """A variant of a choice: a name, with or without a payload."""

    name: str
    payload: FieldType | None = None


@dataclass(frozen=True)
class Choice:
    """A choice between variants.

    A variant without a payload is written as a string, one with a payload as a table whose only key is its name.
    """

    variants: tuple[Variant, ...]

    @property
    def name(self) -> str:
        """The name used in messages, such as ``one of "A", B``; the names of variants without a payload are quoted."""
        return "one of " + ", ".join(v.name if v.payload else f'"{v.name}"' for v in self.variants)


FieldType: TypeAlias = Integer | Float | Boolean | Text | Array | Table | Choice
