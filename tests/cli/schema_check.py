"""Validates the output of commands against their published JSON Schemas."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator

from psyche_cli.cli.schemas import FAILURE, HELP, VERSION, schema, verb_names

Check: TypeAlias = Callable[[Any], bool]
_ANNOTATIONS = ("$schema", "$defs", "title", "description")
_NO_NUMBERS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


@functools.cache
def validator(name: str) -> Any:
    """A validator for the schema of this name."""
    described: Any = schema(name)
    assert described is not None, f"{name} has no schema"
    return Draft202012Validator(described)


@functools.cache
def quick_look(name: str) -> Check:
    """A check against the same schema, compiled to functions. It is 20 times as fast, since every command is
    validated."""
    described = validator(name).schema
    return compiled(described, described.get("$defs", {}))


def check_output(words: Sequence[str], stdout: str) -> str | None:
    """Fail the test if stdout is a JSON object that does not match its schema. Returns the name of the schema."""
    if not stdout.startswith("{"):
        return None
    if [*words[:1]] == ["metrics"] and '"schema_version"' not in stdout:
        return None  # the dashboard for Grafana
    if [*words[:1]] == ["history"] and stdout.startswith('{"') and '"schema_version"' not in stdout:
        for line in stdout.splitlines():
            _history_entry()(json.loads(line))
        return None
    if [*words[:1]] in (["watch"], ["monitor"], ["apply"]) and stdout.startswith('{"'):  # one document per line
        checked = [_check(words, json.loads(line)) for line in stdout.splitlines()]
        return checked[0]
    return _check(words, json.loads(stdout))


@functools.cache
def _history_entry() -> Check:
    """A check of the JSON lines of ``history``."""
    definitions = validator("history").schema["$defs"]
    is_valid = compiled(definitions["HistoryEntry"], definitions)

    def check(value: Any) -> bool:
        assert is_valid(value), value
        return True

    return check


def _check(words: Sequence[str], document: Any) -> str:
    name = _schema_name(words, document)
    if not quick_look(name)(document):
        validator(name).validate(document)
        raise AssertionError(f"the quick look refuses what the schema {name} allows: {document}")
    return name


def _schema_name(words: Sequence[str], document: Any) -> str:
    if "schema_version" not in document:
        names = {name for name, _ in verb_names()}
        return next(word for word in words if word in names)
    if not document["ok"]:
        return FAILURE
    if document["data"].keys() >= {"text", "arguments", "options"}:
        return HELP
    if document["data"].keys() == {"version"}:
        return VERSION
    name: str = document["command"]
    return name


def compiled(part: Any, definitions: Any) -> Check:
    """A function that checks values against part of a schema. Raises KeyError for unsupported keywords."""
    if isinstance(part, bool):
        return lambda value: part
    keywords = {key: value for key, value in part.items() if key not in _ANNOTATIONS}
    properties = {key: compiled(inner, definitions) for key, inner in keywords.pop("properties", {}).items()}
    others = compiled(keywords.pop("additionalProperties", True), definitions)
    checks = [_KEYWORDS[keyword](value, definitions) for keyword, value in keywords.items()]

    def check(value: Any) -> bool:
        if not all(each(value) for each in checks):
            return False
        return not isinstance(value, dict) or all(properties.get(key, others)(inner) for key, inner in value.items())

    return check


def _has_type(name: Any, definitions: Any) -> Check:
    if isinstance(name, list):
        return _any_of([{"type": each} for each in name], definitions)
    if name in _NO_NUMBERS:
        return lambda value: isinstance(value, _NO_NUMBERS[name])
    kinds: Any = {"integer": int, "number": (int, float)}[name]
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool)


def _any_of(parts: Any, definitions: Any) -> Check:
    checks = [compiled(part, definitions) for part in parts]
    return lambda value: any(check(value) for check in checks)


def _items(part: Any, definitions: Any) -> Check:
    check = compiled(part, definitions)
    return lambda value: not isinstance(value, list) or all(map(check, value))


def _pattern(text: Any, definitions: Any) -> Check:
    found = re.compile(text).search
    return lambda value: not isinstance(value, str) or found(value) is not None


_KEYWORDS: dict[str, Callable[[Any, Any], Check]] = {
    "type": _has_type,
    "anyOf": _any_of,
    "items": _items,
    "pattern": _pattern,
    "required": lambda names, _: lambda value: not isinstance(value, dict) or value.keys() >= {*names},
    "enum": lambda values, _: lambda value: any(value == each and type(value) is type(each) for each in values),
    "minimum": lambda least, _: lambda value: not isinstance(value, int) or value >= least,
    "maximum": lambda most, _: lambda value: not isinstance(value, int) or value <= most,
    "minItems": lambda least, _: lambda value: not isinstance(value, list) or len(value) >= least,
    "maxItems": lambda most, _: lambda value: not isinstance(value, list) or len(value) <= most,
    "$ref": lambda name, definitions: compiled(definitions[name.removeprefix("#/$defs/")], definitions),
}
