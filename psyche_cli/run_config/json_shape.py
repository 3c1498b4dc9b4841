"""JSON Schemas of the tables of a run configuration, as they appear in JSON output."""

from __future__ import annotations

from psyche_cli.exact_numbers import SUFFIX
from psyche_cli.json_schema import DIGITS, Schema
from psyche_cli.results import JsonValue
from psyche_cli.run_config.types import Array, Boolean, Choice, Field, FieldType, Float, Integer, Table, Text


def json_shape(kind: FieldType) -> Schema:
    """The schema of a value of this type, read from a run or from a file.

    Absent optional keys and non-finite numbers are null. A u64 may have an additional ``KEY_string`` with its digits.
    """
    if isinstance(kind, Integer):
        limits: Schema = {"maximum": (1 << kind.bits) - 1} if kind.bits < 64 else {}
        return {"type": "integer", "minimum": 0, **limits}
    if isinstance(kind, Float):
        return {"type": ["number", "null"]}
    if isinstance(kind, Boolean):
        return {"type": "boolean"}
    if isinstance(kind, Text):
        return {"type": "string"}
    if isinstance(kind, Array):
        return {"type": "array", "items": json_shape(kind.item), "minItems": kind.length, "maxItems": kind.length}
    return _table(kind) if isinstance(kind, Table) else _choice(kind)


def _table(kind: Table) -> Schema:
    digits: Schema = {f"{field.key}{SUFFIX}": DIGITS for field in kind.fields if field.type == Integer(64)}
    values: Schema = {field.key: _field(field) for field in kind.fields}
    return _object({**digits, **values}, [field.key for field in kind.fields])


def _field(field: Field) -> Schema:
    shape = json_shape(field.type)
    description = f"{field.meaning[:1].upper()}{field.meaning[1:]}."
    return {**({"anyOf": [shape, {"type": "null"}]} if field.optional else shape), "description": description}


def _choice(kind: Choice) -> Schema:
    names: list[JsonValue] = [variant.name for variant in kind.variants if variant.payload is None]
    shapes: list[JsonValue] = [{"enum": names}] if names else []
    shapes += [
        _object({variant.name: json_shape(variant.payload)}, [variant.name])
        for variant in kind.variants
        if variant.payload is not None
    ]
    return {"anyOf": shapes}


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
