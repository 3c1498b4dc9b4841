"""Whether what a command printed is what its published JSON Schema says."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

from jsonschema import Draft202012Validator

from psyche_cli.cli.schemas import FAILURE, HELP, VERSION, schema, verb_names


@functools.cache
def validator(name: str) -> Any:
    """Checks documents against the schema of this name."""
    described: Any = schema(name)
    assert described is not None, f"{name} has no schema"
    return Draft202012Validator(inlined(described, described.get("$defs", {})))


def inlined(part: Any, definitions: Any) -> Any:
    """A part of a schema with definitions in place of the references to them, which take most of a validator's time."""
    if isinstance(part, list):
        return [inlined(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        assert part.keys() <= {"$ref", "description"}, part
        return inlined(definitions[part["$ref"].removeprefix("#/$defs/")], definitions)
    return {key: inlined(value, definitions) for key, value in part.items() if key != "$defs"}


def check_output(words: Sequence[str], stdout: str) -> str | None:
    """Fail the test if stdout is a JSON object that the schema does not allow. Returns which schema that was."""
    if not stdout.startswith("{"):
        return None
    document = json.loads(stdout)
    name = _schema_name(words, document)
    for error in validator(name).iter_errors(document):
        raise error
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
