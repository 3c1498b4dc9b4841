"""Decoding of instructions of the three Psyche programs by their IDLs: names, account roles and arguments.

Needs neither AnchorPy nor its start-up time. The arguments are plain values in serde shape, which ``anchor_values``
documents and converts in the other direction. Public keys are ``Pubkey``, byte arrays are ``bytes``.
"""

from __future__ import annotations

import functools
import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from solders.hash import Hash
from solders.pubkey import Pubkey

from psyche_cli.limits import DISCRIMINATOR_BYTES
from psyche_cli.protocol.instructions.anchor_programs import WHOLE_ARGUMENT
from psyche_cli.resources import idl_path
from psyche_cli.solana.byte_reader import ByteReader

Value: TypeAlias = "int | float | bool | str | bytes | Pubkey | Sequence[Value] | Mapping[str, Value] | None"

_Read = TypeVar("_Read")

_INTEGERS = {"u8": (1, False), "u16": (2, False), "u32": (4, False), "u64": (8, False)} | {
    "i32": (4, True),
    "i64": (8, True),
}
_ARRAYS = {"u64": "Q", "i32": "i"}
"""The elements of long arrays, which are read at once."""
_FLOATS = {"f32": "<f", "f64": "<d"}


class IdlInstruction(NamedTuple):
    """A decoded instruction of a Psyche program: names in snake case, account roles in order, and arguments.

    ``unused_bytes`` is the number of bytes after the arguments, which the programs ignore. ``layout`` is the layout of
    the coordinator account to whose programs this form of the instruction belongs.
    """

    name: str
    accounts: tuple[str, ...]
    arguments: Mapping[str, Value]
    unused_bytes: int
    layout: str = "v1"


def idl_instruction(program: str, data: bytes, *, exact: bool = False) -> IdlInstruction:
    """The instruction of ``coordinator``, ``authorizer`` or ``treasurer`` with this data.

    With ``exact``, nothing of the data is lost: bytes of fixed-size text that are not valid UTF-8 are lone surrogates
    instead of U+FFFD, and NaN, which the programs reject, is accepted.

    Raises ValueError with the reason for an unknown instruction and for arguments that the program rejects.
    """
    found = instructions_by_discriminator(program).get(data[:DISCRIMINATOR_BYTES])
    if found is None:
        raise ValueError("the program does not have this instruction")
    reader = ByteReader(data[DISCRIMINATOR_BYTES:])
    values = IdlValues(reader, idl_types(program), exact=exact)
    arguments: dict[str, Any] = {}
    for argument in found["args"]:
        name = snake_case(argument["name"])
        value = values.read(argument["type"], name)
        arguments.update(cast("Mapping[str, Value]", value) if name == WHOLE_ARGUMENT else {name: value})
    accounts = tuple(snake_case(account["name"]) for account in found["accounts"])
    return IdlInstruction(snake_case(found["name"]), accounts, arguments, reader.left)


@functools.cache
def instructions_by_discriminator(program: str) -> Mapping[bytes, Any]:
    """The instructions in a program's IDL by the first 8 bytes of their data."""
    return {discriminator(snake_case(entry["name"])): entry for entry in _idl(program)["instructions"]}


def discriminator(name: str) -> bytes:
    """The first 8 bytes of the data of an instruction, whose name is in snake case."""
    return bytes(Hash.hash(f"global:{name}".encode()))[:DISCRIMINATOR_BYTES]


@functools.cache
def snake_case(camel: str) -> str:
    """A name in camel case in snake case: ``runId`` as ``run_id``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()


@functools.cache
def _idl(program: str) -> Any:
    return json.loads(idl_path(program).read_text(encoding="utf-8"))


@functools.cache
def idl_types(program: str) -> Mapping[str, Any]:
    """The types in a program's IDL by their names."""
    return {entry["name"]: entry["type"] for entry in _idl(program).get("types", ())}


class IdlValues:
    """Reads Borsh values of the types in an IDL. Every method raises ValueError, with the path of the value."""

    def __init__(self, reader: ByteReader, types: Mapping[str, Any], *, exact: bool) -> None:
        self._reader = reader
        self._types = types
        self._exact = exact

    def read(self, kind: Any, path: str) -> Value:
        """A value of IDL type ``kind``; ``path`` names it in errors."""
        if isinstance(kind, str):
            return self._leaf(path, lambda: self._simple(kind))
        (form, inner), *_ = kind.items()
        if form == "option":
            return None if self._tag(path, 2) == 0 else self.read(inner, path)
        if form == "vec":
            count = self._leaf(path, lambda: self._reader.number(4))
            return [self.read(inner, f"{path}[{i}]") for i in range(count)]
        if form == "array":
            element, length = inner
            if element == "u8":
                return self._leaf(path, lambda: self._reader.take(length))
            form = _ARRAYS.get(element) if isinstance(element, str) else None
            if form is not None and self._reader.left >= length * struct.calcsize(f"<{form}"):
                return [*struct.unpack(f"<{length}{form}", self._reader.take(length * struct.calcsize(f"<{form}")))]
            return [self.read(element, f"{path}[{i}]") for i in range(length)]
        return self._defined(inner, path)

    @staticmethod
    def _leaf(path: str, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not valid UTF-8") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    def _simple(self, kind: str) -> Value:
        reader = self._reader
        if kind in _INTEGERS:
            size, signed = _INTEGERS[kind]
            return reader.number(size, signed=signed)
        if kind in _FLOATS:
            number: float = struct.unpack(_FLOATS[kind], reader.take(struct.calcsize(_FLOATS[kind])))[0]
            if math.isnan(number) and not self._exact:
                raise ValueError("NaN is rejected by the programs")
            return number
        if kind == "bool":
            flag = reader.number(1)
            if flag > 1:
                raise ValueError(f"{flag} is not 0 or 1")
            return flag == 1
        if kind == "publicKey":
            return reader.key()
        return reader.text(4) if kind == "string" else reader.take(reader.number(4))

    def _defined(self, name: str, path: str) -> Value:
        definition = self._types[name]
        if definition["kind"] == "enum":
            return self._variant(definition["variants"], path)
        values = self._fields(definition["fields"], path)
        if name.startswith("FixedString"):
            errors = "surrogateescape" if self._exact else "replace"
            return cast("bytes", values["bytes"]).rstrip(b"\0").decode("utf-8", errors=errors)
        if name.startswith("FixedVec"):
            return cast("list[Value]", values["data"])[: cast("int", values["len"])]
        return values

    def _fields(self, fields: Sequence[Any], path: str) -> dict[str, Value]:
        names = [snake_case(field["name"]) for field in fields]
        return {name: self.read(field["type"], f"{path}.{name}") for name, field in zip(names, fields, strict=True)}

    def _variant(self, variants: Sequence[Any], path: str) -> Value:
        variant = variants[self._tag(path, len(variants))]
        name, fields = variant["name"], variant.get("fields")
        if not fields:
            return str(name)
        named = isinstance(fields[0], Mapping) and "name" in fields[0]
        inner = f"{path}.{name}"
        return {name: self._fields(fields, inner) if named else self.read(fields[0], inner)}

    def _tag(self, path: str, count: int) -> int:
        tag = self._leaf(path, lambda: self._reader.number(1))
        if tag >= count:
            raise ValueError(f"{path}: the tag is {tag}, but the highest tag is {count - 1}")
        return tag
