"""Conversion of the coordinator account's memory image to plain Python values.

The values have the shape in which the programs' types serialize to JSON ("serde shape"; ``anchor_values`` documents it
and converts in the other direction). Floats stay floats, including NaN and infinity; a 32-bit float becomes the 64-bit
float of the same value.
"""

from __future__ import annotations

import ctypes
from typing import Any, NoReturn, TypeAlias

from psyche_cli.errors import MalformedAccount
from psyche_cli.protocol.layouts.kinds import Choice, FixedString, FixedVec, Flag, OptionOf, TagOnly, UncheckedVec

PlainValue: TypeAlias = "str | int | float | bool | list[PlainValue] | dict[str, PlainValue] | None"

_DAMAGED = " is damaged: "


class MemoryReader:
    """Reads the parts of one memory image.

    ``image`` begins at byte ``start`` of the account at ``address``; offsets in errors are relative to the account. A
    ``path`` names the part to read (``state.coordinator.model``). Every method raises MalformedAccount for a tag,
    boolean or length that the program cannot have written. Damage within the field at the path ``tolerates`` is
    reported as a value instead: the field is None, and the field with the suffix ``_error`` states why.
    """

    def __init__(self, image: ctypes.Structure, start: int, address: str, *, tolerates: str | None = None) -> None:
        self._image = image
        self._origin = ctypes.addressof(image) - start
        self._address = address
        self._tolerates = tolerates

    def value(self, part: Any, path: str) -> PlainValue:
        """A part of any type as a plain value: structures as dicts, arrays and vectors as lists."""
        if isinstance(part, int | float):
            return part
        if isinstance(part, FixedString):
            return fixed_string(part)
        if isinstance(part, TagOnly):
            return self.variant(part, path)
        if isinstance(part, Choice):
            return self._choice(part, path)
        if isinstance(part, OptionOf):
            return self._option(part, path)
        if isinstance(part, Flag):
            return self._flag(part, path)
        if isinstance(part, FixedVec):
            return [self.value(element, f"{path}[{i}]") for i, element in enumerate(self.elements(part, path))]
        if isinstance(part, ctypes.Array):
            return [self.value(element, f"{path}[{i}]") for i, element in enumerate(part)]
        return self.table(part, path)

    def table(self, part: Any, path: str) -> dict[str, PlainValue]:
        """A structure as a dict of its fields, and of what its method ``derived_values`` returns if it has one."""
        values: dict[str, PlainValue] = {}
        for name, *_ in part._fields_:
            if name.startswith("_"):
                continue
            try:
                values[name] = self.value(getattr(part, name), f"{path}.{name}")
            except MalformedAccount as error:
                if f"{path}.{name}" != self._tolerates or error.field == self._tolerates:
                    raise
                values |= {name: None, f"{name}_error": error.message.partition(_DAMAGED)[2]}
        derived = getattr(part, "derived_values", None)
        return values if derived is None else values | derived()

    def integers(self, part: Any) -> dict[str, int]:
        """A structure of integers as a dict of its fields."""
        names = [field[0] for field in part._fields_ if not field[0].startswith("_")]
        return {name: int(getattr(part, name)) for name in names}

    def variant(self, part: Any, path: str) -> str:
        """The variant name of an enum without payloads."""
        return str(part.variants[self.tag(part, path)])

    def tag(self, part: Any, path: str) -> int:
        """The variant number of an enum without payloads."""
        tag = int(part.value)
        if tag >= len(part.variants):
            self._refuse(part, path, f"is {tag}, but the highest tag is {len(part.variants) - 1}", tag)
        return tag

    def elements(self, part: Any, path: str) -> list[Any]:
        """The elements in use of a fixed-capacity vector, as parts of the image."""
        length, capacity = int(part.len), int(part.data._length_)
        if length > capacity and not isinstance(part, UncheckedVec):
            offset = type(part).len.offset
            self._refuse(part, f"{path}.len", f"is {length}, but the maximum is {capacity}", length, offset)
        elements: list[Any] = part.data[:length]
        return elements

    def index(self, part: Any, name: str, bound: int, path: str) -> int:
        """The field ``name`` of a structure, an index that must be below ``bound``."""
        index = int(getattr(part, name))
        if index >= bound:
            offset = getattr(type(part), name).offset
            self._refuse(part, f"{path}.{name}", f"is {index}, but must be less than {bound}", index, offset)
        return index

    def _choice(self, part: Any, path: str) -> PlainValue:
        tag = int(part.tag)
        if tag >= len(part.variants):
            self._refuse(part, path, f"has tag {tag}, but the highest tag is {len(part.variants) - 1}", tag)
        name = part.variants[tag]
        payload = getattr(part, name, None)
        return name if payload is None else {name: self.value(payload, f"{path}.{name}")}

    def _option(self, part: Any, path: str) -> PlainValue:
        tag = int(part.tag)
        if tag > 1:
            self._refuse(part, path, f"has option tag {tag}, but it must be 0 or 1", tag)
        return self.value(part.Some, path) if tag == 1 else None

    def _flag(self, part: Any, path: str) -> PlainValue:
        value = int(part.value)
        if not part.strict:
            return 0 if value == 0 else 1
        if value > 1:
            self._refuse(part, path, f"is {value}, but must be 0 or 1", value)
        return value == 1

    def _refuse(self, part: Any, path: str, reason: str, value: int, offset_in_part: int = 0) -> NoReturn:
        offset = ctypes.addressof(part) - self._origin + offset_in_part
        raise MalformedAccount(
            f"The coordinator account {self._address}{_DAMAGED}{path} at byte {offset} {reason}.",
            hint="No known version of the program writes this value. Check the program id.",
            address=self._address,
            field=path,
            offset=offset,
            value=value,
        )


def fixed_string(part: Any) -> str:
    """A fixed-size string without its NUL padding; invalid UTF-8 becomes U+FFFD.

    A leading NUL is kept, because the programs treat such a string as empty.
    """
    return bytes(part).rstrip(b"\0").decode("utf-8", errors="replace")
