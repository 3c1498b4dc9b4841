"""Readers of binary values that return their JSON form, and combinations of them: the vocabulary of the layout tables.

A reader takes the next bytes of a ``ByteReader`` and raises ValueError for data that is invalid or ends too early.
Integers are little-endian. Numbers are JSON numbers; 64-bit amounts that a node shows as text use ``as_text``.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from solders.pubkey import Pubkey

from psyche_cli.json_values import Json
from psyche_cli.localnet.rpc.encoding.json_text import base64_text
from psyche_cli.solana.byte_reader import ByteReader

Reader: TypeAlias = Callable[[ByteReader], Json]


class Absent:
    """The type of ``ABSENT``."""


ABSENT: Final = Absent()
"""What a reader returns for a field that its record leaves out."""

NO_KEY: Final = str(Pubkey.default())
"""The key of 32 zero bytes, which stands for none in several layouts."""


def integer(size: int, *, signed: bool = False) -> Reader:
    """An integer of ``size`` bytes."""
    return lambda reader: reader.number(size, signed=signed)


u8: Final = integer(1)
i8: Final = integer(1, signed=True)
u16: Final = integer(2)
i16: Final = integer(2, signed=True)
u32: Final = integer(4)
u64: Final = integer(8)
i64: Final = integer(8, signed=True)
u128: Final = integer(16)


def boolean(reader: ByteReader) -> bool:
    """A byte that must be 0 or 1."""
    number = reader.number(1)
    if number > 1:
        raise ValueError("a flag is neither 0 nor 1")
    return number == 1


def loose_boolean(reader: ByteReader) -> bool:
    """A byte; every value but 0 is true."""
    return reader.number(1) != 0


def float_number(reader: ByteReader) -> float:
    """A 64-bit floating-point number."""
    (number,) = struct.unpack("<d", reader.take(8))
    return float(number)


def f64(reader: ByteReader) -> float | None:
    """A 64-bit floating-point number; null if it is infinite or not a number, which JSON cannot express."""
    number = float_number(reader)
    return number if math.isfinite(number) else None


def float_text(reader: ByteReader) -> str:
    """A 64-bit floating-point number as the shortest exact text without an exponent."""
    return decimal_text(float_number(reader))


def decimal_text(number: float) -> str:
    """The shortest text that identifies a floating-point number, without an exponent: ``1``, ``0.25``, ``inf``."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    return format(Decimal(repr(number)), "f").removesuffix(".0")


def key(reader: ByteReader) -> str:
    """A public key or a hash of 32 bytes, in base58."""
    return str(reader.key())


def key_or_null(reader: ByteReader) -> str | None:
    """A public key of 32 bytes; null if all are zero."""
    found = key(reader)
    return None if found == NO_KEY else found


def key_or_absent(reader: ByteReader) -> Json:
    """A public key of 32 bytes; left out if all are zero."""
    found = key(reader)
    return ABSENT if found == NO_KEY else found


def base64_bytes(size: int) -> Reader:
    """``size`` bytes, in base64."""
    return lambda reader: base64.b64encode(reader.take(size)).decode()


def base64_bytes_or_null(size: int) -> Reader:
    """``size`` bytes, in base64; null if all are zero."""

    def read(reader: ByteReader) -> str | None:
        content = reader.take(size)
        return base64.b64encode(content).decode() if any(content) else None

    return read


def base64_vector(reader: ByteReader) -> str:
    """Bytes after their number (u64), in base64."""
    return base64.b64encode(reader.take(reader.number(8))).decode()


def base64_rest(reader: ByteReader) -> Json:
    """All bytes that are left, in the form of binary account data."""
    return [base64_text(reader.take(reader.left)), "base64"]


def text(length_bytes: int) -> Reader:
    """UTF-8 text after its length in bytes, an integer of ``length_bytes`` bytes."""
    return lambda reader: reader.text(length_bytes)


def as_text(read: Reader) -> Reader:
    """A number as decimal text."""
    return lambda reader: str(read(reader))


def skipped(size: int) -> Reader:
    """``size`` bytes that are not shown."""

    def read(reader: ByteReader) -> Json:
        reader.take(size)
        return ABSENT

    return read


def optional(read: Reader, *, none: Json = None, tag_bytes: int = 1) -> Reader:
    """A value after a tag, which is 1 if there is a value and 0 if not; ``none`` is shown without one."""

    def read_optional(reader: ByteReader) -> Json:
        tag = reader.number(tag_bytes)
        if tag > 1:
            raise ValueError("the tag of an optional value is neither 0 nor 1")
        return read(reader) if tag else none

    return read_optional


def named(names: Iterable[str], size: int = 4) -> Reader:
    """One of ``names``, stored as its position, an integer of ``size`` bytes."""
    known = tuple(names)

    def read(reader: ByteReader) -> str:
        number = reader.number(size)
        if number >= len(known):
            raise ValueError(f"unknown variant {number}")
        return known[number]

    return read


def record(**fields: Reader) -> Reader:
    """An object with these fields, stored in this order."""
    return lambda reader: read_fields(fields, reader)


def read_fields(fields: Mapping[str, Reader], reader: ByteReader) -> dict[str, Json]:
    """The fields of an object, without those that are absent."""
    found = {name: read(reader) for name, read in fields.items()}
    return {name: value for name, value in found.items() if value is not ABSENT}


def items(read: Reader, count: int) -> Reader:
    """``count`` values."""
    return lambda reader: [read(reader) for _ in range(count)]


def vector(read: Reader, length_bytes: int = 8) -> Reader:
    """Values after their number, an integer of ``length_bytes`` bytes."""

    def read_vector(reader: ByteReader) -> Json:
        count = reader.number(length_bytes)
        # Every value takes at least a byte: an absurd count fails here, not after as many steps.
        if count > reader.left:
            raise ValueError("unexpected end of data")
        return [read(reader) for _ in range(count)]

    return read_vector


def short_vector(read: Reader) -> Reader:
    """Values after their number, which takes one to three bytes of seven bits each."""
    return lambda reader: [read(reader) for _ in range(variable_integer(reader, most_bits=16))]


def variable_integer(reader: ByteReader, *, most_bits: int = 64) -> int:
    """An integer in bytes of seven bits each, lowest first; the highest bit says that another byte follows.

    Raises ValueError for numbers of more than ``most_bits`` bits, and for a needless last byte of zero.
    """
    value = shift = 0
    while True:
        byte = reader.number(1)
        value |= (byte & 0x7F) << shift
        if value >= 1 << most_bits or (byte == 0 and shift > 0):
            raise ValueError("invalid variable-length integer")
        if byte < 0x80:
            return value
        shift += 7
        if shift >= most_bits:
            raise ValueError("invalid variable-length integer")


def unit(kind: str) -> Json:
    """The form of a state without content."""
    return {"type": kind}


def state(kind: str, info: Json) -> Json:
    """The form of a state with content."""
    return {"type": kind, "info": info}
