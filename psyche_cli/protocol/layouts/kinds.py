"""Building blocks of the coordinator account's memory image: what C has no word for.

Each is marked by a base class, by which ``memory_values`` knows how to read it.
"""

from __future__ import annotations

import ctypes
from ctypes import LittleEndianStructure, c_float, c_uint8, c_uint32
from typing import ClassVar


class FixedString:
    """Text of UTF-8, filled up with NULs."""


class FixedVec:
    """``data`` with room for all elements, and ``len``, the number of those that count."""


class OptionOf:
    """``tag`` 0 for none; 1 for the value in ``Some``."""


class TagOnly:
    """An enum without payloads; the number is an index into ``variants``."""

    variants: ClassVar[tuple[str, ...]]


class Choice:
    """An enum with payloads: ``tag`` is an index into ``variants``; the payload, if any, bears the variant's name."""

    variants: ClassVar[tuple[str, ...]]


class Flag:
    """A boolean in one byte. ``strict`` ones are 0 or 1; of the others, any number but 0 is true."""

    strict: ClassVar[bool] = False


class SmallBoolean(Flag, c_uint8):
    """The programs' own boolean."""


class Boolean(Flag, c_uint8):
    """The language's boolean."""

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
    """65 bytes, not aligned."""

    _fields_ = (("tag", c_uint8), ("Some", Text64))
