"""Building blocks of the coordinator account's memory image that have no equivalent in C.

The base class of each determines how ``memory_values`` reads it.
"""

from __future__ import annotations

import ctypes
from ctypes import LittleEndianStructure, c_float, c_uint8, c_uint32
from typing import ClassVar


class FixedString:
    """UTF-8 text padded with NULs."""


class FixedVec:
    """A fixed-capacity array ``data`` and the number ``len`` of elements in use."""


class UncheckedVec(FixedVec):
    """A vector whose length the program does not check. If it exceeds the capacity, all elements are in use."""


class OptionOf:
    """An optional value: ``tag`` 0 is None, ``tag`` 1 is the value in ``Some``."""


class TagOnly:
    """An enum without payloads; its number is an index into ``variants``."""

    variants: ClassVar[tuple[str, ...]]


class Choice:
    """An enum with payloads: ``tag`` is an index into ``variants``; the field of a payload has the variant's name."""

    variants: ClassVar[tuple[str, ...]]


class Flag:
    """A boolean of one byte. A ``strict`` one must be 0 or 1; otherwise any nonzero value is true."""

    strict: ClassVar[bool] = False


class SmallBoolean(Flag, c_uint8):
    """The boolean type that the programs define."""


class Boolean(Flag, c_uint8):
    """Rust's ``bool``."""

    strict = True


class Text32(FixedString, ctypes.Array[c_uint8]):
    """Text of up to 32 bytes."""

    _type_ = c_uint8
    _length_ = 32


class Text64(FixedString, ctypes.Array[c_uint8]):
    """Text of up to 64 bytes."""

    _type_ = c_uint8
    _length_ = 64


class Text96(FixedString, ctypes.Array[c_uint8]):
    """Text of up to 96 bytes."""

    _type_ = c_uint8
    _length_ = 96


class Text192(FixedString, ctypes.Array[c_uint8]):
    """Text of up to 192 bytes."""

    _type_ = c_uint8
    _length_ = 192


class Text280(FixedString, ctypes.Array[c_uint8]):
    """Text of up to 280 bytes."""

    _type_ = c_uint8
    _length_ = 280


Bytes32 = c_uint8 * 32


class OptionF32(OptionOf, LittleEndianStructure):
    """8 bytes, aligned to 4."""

    _fields_ = (("tag", c_uint32), ("Some", c_float))


class OptionText64(OptionOf, LittleEndianStructure):
    """65 bytes, unaligned."""

    _fields_ = (("tag", c_uint8), ("Some", Text64))
