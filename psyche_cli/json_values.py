"""JSON values in Python, and the conversion of result payloads to them."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeAlias

from psyche_cli.results import JsonValue

Json: TypeAlias = Any
"""A value as ``json.loads`` returns it and ``json.dumps`` takes it, which no type checker looks into."""

_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""The most common value types; they need no conversion."""


def to_json(value: Any) -> JsonValue:
    """Convert a payload to a JSON value: dataclasses to objects, enum members to their values, tuples to arrays."""
    if type(value) in _PLAIN:
        plain: JsonValue = value
        return plain
    # Read directly: importing dataclasses takes a millisecond, and reads have no dataclass payloads.
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return {name: to_json(getattr(value, name)) for name in fields}
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if isinstance(value, Mapping):
        return {key: to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    other: JsonValue = value
    return other


def refuse_constant(name: str) -> NoReturn:
    """A ``parse_constant`` for ``json.loads``: NaN and infinities are not JSON. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")


STRICT_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
"""Writes JSON without blanks. Raises ValueError for NaN and infinities."""

STRICT_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)
"""Reads JSON. Raises ValueError for anything else."""
