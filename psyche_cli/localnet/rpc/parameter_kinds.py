"""The kinds of values that parameters of RPC methods have, with the messages of a node for values of another kind.

A node decodes parameters with serde into Rust types. A kind describes such a type, and reads a JSON value as it does:
unknown fields of structures are ignored, and the messages name the type.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Protocol

from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX
from psyche_cli.localnet.rpc.shown_values import is_integer, shown_type


class Mismatch(Exception):
    """A value is not of the expected kind. The text is that of a node, without a period."""


class Kind(Protocol):
    """The type of a parameter or of a field of one."""

    def read(self, value: Json) -> Json:
        """The value in the form that methods use. Raises Mismatch."""
        ...


def _wrong_type(value: Json, expected: str) -> Mismatch:
    return Mismatch(f"invalid type: {shown_type(value)}, expected {expected}")


class _Anything:
    def read(self, value: Json) -> Json:
        return value


class _Text:
    def read(self, value: Json) -> Json:
        if not isinstance(value, str):
            raise _wrong_type(value, "a string")
        return value


class _Flag:
    def read(self, value: Json) -> Json:
        if not isinstance(value, bool):
            raise _wrong_type(value, "a boolean")
        return value


class _Unit:
    def read(self, value: Json) -> Json:
        if value is not None:
            raise _wrong_type(value, "unit")
        return None


class Unsigned:
    """An integer from 0 to ``most``; ``name`` is its Rust type."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most

    def read(self, value: Json) -> Json:
        """The integer. Raises Mismatch."""
        if not is_integer(value):
            raise _wrong_type(value, self.name)
        if not 0 <= value <= self.most:
            raise Mismatch(f"invalid value: integer `{value}`, expected {self.name}")
        return value


ANYTHING: Final = _Anything()
TEXT: Final = _Text()
FLAG: Final = _Flag()
U8: Final = Unsigned("u8", 255)
U64: Final = Unsigned("u64", U64_MAX)
USIZE: Final = Unsigned("usize", U64_MAX)


class Optional:
    """A value that may be null; as a field or trailing parameter, it may be absent."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def read(self, value: Json) -> Json:
        """The value, or None."""
        return None if value is None else self.kind.read(value)


class Defaulted:
    """A field that may be absent, but not null."""

    def __init__(self, kind: Kind, default: Json) -> None:
        self.kind = kind
        self.default = default

    def read(self, value: Json) -> Json:
        """The value."""
        return self.kind.read(value)


class Sequence:
    """A list of values of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def read(self, value: Json) -> Json:
        """The list."""
        if not isinstance(value, list):
            raise _wrong_type(value, "a sequence")
        return [self.kind.read(item) for item in value]


class Choice:
    """One of several names, some of which (``content``) have a value: ``"all"`` or ``{"mentions": [...]}``."""

    def __init__(self, names: tuple[str, ...], content: Mapping[str, Kind] | None = None) -> None:
        self.names = names
        self.content = content or {}

    def read(self, value: Json) -> Json:
        """The name, or a dictionary of the name and its value."""
        if isinstance(value, str):
            self._require(value)
            if value in self.content:
                raise Mismatch("invalid type: unit variant, expected newtype variant")
            return value
        if not isinstance(value, dict):
            raise _wrong_type(value, "string or map")
        if len(value) != 1:
            raise Mismatch("invalid value: map, expected map with a single key")
        ((name, inner),) = value.items()
        self._require(name)
        if name in self.content:
            return {name: self.content[name].read(inner)}
        _Unit().read(inner)
        return name

    def _require(self, name: str) -> None:
        if name not in self.names:
            listed = [f"`{known}`" for known in self.names]
            expected = " or ".join(listed) if len(listed) < 3 else f"one of {', '.join(listed)}"
            raise Mismatch(f"unknown variant `{name}`, expected {expected}")


COMMITMENT_LEVEL: Final = Choice(("processed", "confirmed", "finalized"))


class Structure:
    """A structure; ``name`` is its Rust type.

    The fields of ``base`` are embedded in it. With ``commitment``, so is a commitment; an invalid one is passed over,
    as by a node.
    """

    def __init__(
        self,
        name: str,
        fields: Mapping[str, Kind] | None = None,
        *,
        base: Structure | None = None,
        commitment: bool = False,
    ) -> None:
        self.name = name
        self.fields = fields or {}
        self.base = base
        self.commitment = commitment
        self._in_order = sorted(self.fields.items(), key=lambda pair: pair[0])

    def read(self, value: Json) -> Json:
        """A dictionary of its fields; absent ones are None or their default."""
        if isinstance(value, dict):
            return self._of_map(value)
        if isinstance(value, list) and self.base is None and not self.commitment:
            return self._of_sequence(value)
        raise _wrong_type(value, f"struct {self.name}")

    def _of_map(self, value: Mapping[str, Json]) -> dict[str, Json]:
        read = {name: kind.read(value[name]) for name, kind in self._in_order if name in value}
        for name, kind in self.fields.items():
            if name not in read:
                if not isinstance(kind, Optional | Defaulted):
                    raise Mismatch(f"missing field `{name}`")
                read[name] = kind.default if isinstance(kind, Defaulted) else None
        if self.base is not None:
            read |= self.base._of_map(value)
        if self.commitment:
            read["commitment"] = None
            if "commitment" in value:
                with suppress(Mismatch):
                    read["commitment"] = COMMITMENT_LEVEL.read(value["commitment"])
        return read

    def _of_sequence(self, values: list[Json]) -> dict[str, Json]:
        read = {}
        for index, (name, kind) in enumerate(self.fields.items()):
            if index < len(values):
                read[name] = kind.read(values[index])
            elif isinstance(kind, Defaulted):
                read[name] = kind.default
            else:
                count = len(self.fields)
                plural = "" if count == 1 else "s"
                raise Mismatch(f"invalid length {index}, expected struct {self.name} with {count} element{plural}")
        if len(values) > len(self.fields):
            raise Mismatch(f"invalid length {len(values)}, expected fewer elements in array")
        return read


class Untagged:
    """A value of the first of several kinds that can read it; ``name`` is its Rust type."""

    def __init__(self, name: str, kinds: tuple[Kind, ...]) -> None:
        self.name = name
        self.kinds = kinds

    def read(self, value: Json) -> Json:
        """The value as that kind reads it."""
        for kind in self.kinds:
            try:
                return kind.read(value)
            except Mismatch:
                continue
        raise Mismatch(f"data did not match any variant of untagged enum {self.name}")
