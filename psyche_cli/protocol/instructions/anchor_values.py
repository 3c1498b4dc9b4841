"""Conversion of plain Python values to the typed values that AnchorPy encodes, according to the IDL.

The plain values have the shape in which the programs' types serialize to JSON ("serde shape"), the same shape that
decoding an account and reading a run configuration yield:

* a struct is a mapping of its fields in snake case; a field of an option type may be missing;
* an enum variant is its name (``"HfLlama"``) or, with a payload, a mapping with one key (``{"Hub": {...}}``);
* fixed strings are ``str``, byte arrays are lists of integers or ``bytes``, fixed vectors are lists of their elements;
* options are the value or None, public keys are ``Pubkey``.

Values are never truncated or rounded: a value that cannot be encoded raises an error.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from solders.pubkey import Pubkey

from psyche_cli.errors import ConfigurationError, UsageError

_INTEGERS = {"u8": (8, False), "u16": (16, False), "u32": (32, False), "u64": (64, False)} | {
    "i32": (32, True),
    "i64": (64, True),
}
_FROM_A_RUN_CONFIGURATION = ("config", "model")


class AnchorValues:
    """Converts values for one program.

    ``idl`` is the program's parsed IDL, ``types`` are AnchorPy's classes for the types in it, and ``snake`` is
    AnchorPy's conversion of names to snake case.
    """

    def __init__(self, idl: Mapping[str, Any], types: Mapping[str, Any], snake: Callable[[str], str]) -> None:
        self._definitions: dict[str, Any] = {entry["name"]: entry["type"] for entry in idl["types"]}
        self._types = types
        self._snake = snake

    def convert(self, kind: object, value: object, path: str) -> Any:
        """The AnchorPy value of IDL type ``kind`` for a plain ``value``.

        ``path`` names the value in errors (``config.epoch_time``); with an empty path, fields are named without a
        prefix. Raises ConfigurationError for values of a run configuration (``config``, ``model``) and UsageError for
        all others.
        """
        if isinstance(kind, str):
            return _simple(kind, value, path)
        assert isinstance(kind, Mapping)
        (form, inner), *_ = kind.items()
        if form == "option":
            return None if value is None else self.convert(inner, value, path)
        if form == "vec":
            elements = _sequence(value, path)
            return [self.convert(inner, element, f"{path}[{i}]") for i, element in enumerate(elements)]
        if form == "array":
            element_kind, length = inner
            elements = _sequence(value, path)
            if len(elements) != length:
                _refuse(path, f"has {len(elements)} elements, but must have {length}")
            return [self.convert(element_kind, element, f"{path}[{i}]") for i, element in enumerate(elements)]
        return self._defined(inner, value, path)

    def _defined(self, name: str, value: object, path: str) -> Any:
        definition = self._definitions[name]
        if name.startswith("FixedString"):
            size = definition["fields"][0]["type"]["array"][1]
            return self._types[name](bytes=_fixed_string(value, size, path))
        if name.startswith("FixedVec"):
            return self._fixed_vector(name, definition, value, path)
        if definition["kind"] == "struct":
            return self._types[name](**self._fields(definition["fields"], value, path))
        return self._variant(name, definition["variants"], value, path)

    def _fields(self, fields: Sequence[Mapping[str, Any]], value: object, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            _refuse(path, f"must be a table of values, not {_shown(value)}")
        kinds = {self._snake(field["name"]): field["type"] for field in fields}
        prefix = f"{path}." if path else ""
        for name in value:
            if name not in kinds:
                _refuse(f"{prefix}{name}", f"does not exist; {path} has {', '.join(kinds)}")
        for name, kind in kinds.items():
            optional = isinstance(kind, Mapping) and "option" in kind
            if name not in value and not optional:
                _refuse(f"{prefix}{name}", "is missing")
        return {name: self.convert(kind, value.get(name), f"{prefix}{name}") for name, kind in kinds.items()}

    def _variant(self, name: str, variants: Sequence[Mapping[str, Any]], value: object, path: str) -> Any:
        chosen, payload, has_payload = value, None, False
        if isinstance(value, Mapping) and len(value) == 1:
            ((chosen, payload),) = value.items()
            has_payload = True
        variant = next((variant for variant in variants if variant["name"] == chosen), None)
        if variant is None:
            allowed = ", ".join(str(variant["name"]) for variant in variants)
            _refuse(path, f"must be one of {allowed}, not {_shown(value)}")
        make = getattr(self._types[name], variant["name"])
        fields = variant.get("fields")
        if bool(fields) != has_payload:
            _refuse(f"{path}.{chosen}", "needs a value" if fields else "takes no value")
        if not fields:
            return make()
        inner = f"{path}.{chosen}"
        if isinstance(fields[0], Mapping) and "name" in fields[0]:
            return make(**self._fields(fields, payload, inner))
        return make((self.convert(fields[0], payload, inner),))

    def _fixed_vector(self, name: str, definition: Mapping[str, Any], value: object, path: str) -> Any:
        kind, capacity = definition["fields"][0]["type"]["array"]
        elements = _sequence(value, path)
        if len(elements) > capacity:
            _refuse(path, f"has {len(elements)} elements; the maximum is {capacity}")
        data = [self.convert(kind, element, f"{path}[{i}]") for i, element in enumerate(elements)]
        data += [self.convert(kind, self._zero(kind), path) for _ in range(capacity - len(data))]
        return self._types[name](data=data, len=len(elements))

    def _zero(self, kind: object) -> object:
        """The plain value that pads the unused end of a fixed vector."""
        if isinstance(kind, str):
            return 0
        assert isinstance(kind, Mapping)
        name = kind["defined"]
        if name.startswith("FixedString"):
            return ""
        return {self._snake(field["name"]): self._zero(field["type"]) for field in self._definitions[name]["fields"]}


def _simple(kind: str, value: object, path: str) -> Any:
    if kind in _INTEGERS:
        return _integer(kind, value, path)
    if kind in ("f32", "f64"):
        return _float(kind, value, path)
    expected = {"bool": bool, "string": str, "bytes": bytes, "publicKey": Pubkey}[kind]
    if not isinstance(value, expected):
        _refuse(path, f"must be {_A[kind]}, not {_shown(value)}")
    # AnchorPy also accepts a public key as bytes, and deep-copies structs, which fails for a Pubkey of solders.
    return bytes(value) if isinstance(value, Pubkey) else value


_A = {"bool": "true or false", "string": "text", "bytes": "bytes", "publicKey": "a public key"}


def _integer(kind: str, value: object, path: str) -> int:
    bits, signed = _INTEGERS[kind]
    lowest, highest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(path, f"must be a whole number, not {_shown(value)}")
    if not lowest <= value <= highest:
        _refuse(path, f"is {value}, but must be from {lowest} to {highest}")
    return value


def _float(kind: str, value: object, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        _refuse(path, f"must be a number, not {_shown(value)}")
    try:
        number = float(value)
        struct.pack("<f" if kind == "f32" else "<d", number)
    except OverflowError:
        _refuse(path, f"is {value}, too large for a {kind[1:]}-bit float")
    if math.isnan(number):
        _refuse(path, "is NaN, which the programs reject")
    return number


def _fixed_string(value: object, size: int, path: str) -> list[int]:
    if not isinstance(value, str):
        _refuse(path, f"must be text, not {_shown(value)}")
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        _refuse(path, "is not valid UTF-8")
    if len(raw) > size:
        _refuse(path, f"is {len(raw)} bytes long; the maximum is {size}")
    return list(raw.ljust(size, b"\0"))


def _sequence(value: object, path: str) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        _refuse(path, f"must be a list, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _refuse(path: str, reason: str) -> NoReturn:
    message = f"{path} {reason}."
    if path.split(".")[0] in _FROM_A_RUN_CONFIGURATION:
        raise ConfigurationError(message, problems=({"key": path, "rule": "Type", "message": message},))
    raise UsageError(message, key=path)
