"""JSON Schema (draft 2020-12) of the Python types that JSON output is generated from.

Supported types: str, bool, int, float, Decimal, None, object (any JSON), ``Literal``, enumerations, unions, lists and
tuples with one element type, mappings with string keys, dataclasses and ``TypedDict``. ``Annotated`` adds a description
(a string) or a ``payload_types.Constraint``, or replaces the schema with a ``payload_types.JsonShape``.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Union

from psyche_cli.exact_numbers import SUFFIX
from psyche_cli.payload_types import Constraint, JsonShape
from psyche_cli.results import JsonValue

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final[dict[object, JsonValue]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    Decimal: {"type": "number"},
    float: {"type": ["number", "null"]},  # NaN and infinities are printed as null
    type(None): {"type": "null"},
    object: {},
}
_NUMBERS: Final = frozenset({int, float, Decimal, object})
DIGITS: Final[JsonValue] = {
    "type": "string",
    "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
    "description": "The same number as exact digits; present only if a double would round it.",
}

Schema: typing.TypeAlias = dict[str, JsonValue]


def schema_of(kind: Any, definitions: Schema) -> Schema:
    """The schema of a type. Object types are added to ``definitions`` under their class names and referenced.

    Raises TypeError for an unsupported type.
    """
    if kind in _PLAIN:
        return dict(typing.cast("Schema", _PLAIN[kind]))
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        shape = next((note.schema for note in arguments[1:] if isinstance(note, JsonShape)), None)
        return {**(schema_of(arguments[0], definitions) if shape is None else shape), **_notes(arguments[1:])}
    if origin is Literal:
        return {"enum": [*arguments]}
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(argument, definitions) for argument in arguments]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        values = schema_of(arguments[1], definitions)
        return {"type": "object", "additionalProperties": {"anyOf": [values, DIGITS]} if _rounds(kind) else values}
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return {"type": "array", "items": schema_of(arguments[0], definitions)}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"enum": [member.value for member in kind]}
    if dataclasses.is_dataclass(kind) or typing.is_typeddict(kind):
        return _reference(kind, definitions)
    raise TypeError(f"{kind!r} has no JSON Schema")


def object_schema(properties: Mapping[str, Any], required: Sequence[str], definitions: Schema) -> Schema:
    """The schema of an object with exactly these properties (name to type).

    Every property that may be a number gets an optional ``NAME_string`` property, which ``exact_numbers`` adds.
    """
    shown: Schema = {
        f"{name}{SUFFIX}": DIGITS for name, kind in properties.items() if _rounds(kind) and _is_scalar(kind)
    }
    shown |= {name: schema_of(kind, definitions) for name, kind in properties.items()}
    return {"type": "object", "properties": shown, "required": [*required], "additionalProperties": False}


def _reference(kind: Any, definitions: Schema) -> Schema:
    name = kind.__name__
    if name not in definitions:
        definitions[name] = {}  # placeholder that ends the recursion of a self-referencing type
        fields = typing.get_type_hints(kind, include_extras=True)
        optional = frozenset() if dataclasses.is_dataclass(kind) else kind.__optional_keys__
        described = object_schema(fields, [field for field in fields if field not in optional], definitions)
        definitions[name] = {"description": description_of(kind), **described}
    return {"$ref": f"#/$defs/{name}"}


def description_of(kind: type) -> str:
    """The docstring of a class, joined into one line."""
    return " ".join((inspect.getdoc(kind) or "").split()).replace("``", "`")


def _notes(annotations: Sequence[object]) -> Schema:
    notes: Schema = {}
    for note in annotations:
        if isinstance(note, str):
            notes["description"] = note
        elif isinstance(note, Constraint):
            given = {"pattern": note.pattern, "minimum": note.minimum, "enum": note.choices and [*note.choices]}
            notes |= {key: value for key, value in given.items() if value is not None}
    return notes


def _rounds(kind: Any) -> bool:
    """Whether a value of this type, or a direct element of it, may be a number that a double would round."""
    return kind in _NUMBERS or any(_rounds(inner) for inner in typing.get_args(kind) if not isinstance(inner, str))


def _is_scalar(kind: Any) -> bool:
    """Whether a value of this type may be a number itself rather than a list or an object."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _is_scalar(arguments[0])
    if origin in (Union, types.UnionType):
        return any(_is_scalar(argument) and _rounds(argument) for argument in arguments)
    return kind in _NUMBERS
