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
    Draft202012Validator.check_schema(described)
    return Draft202012Validator(described)


def check_output(words: Sequence[str], stdout: str) -> str | None:
    """Fail the test if stdout is a JSON object that the schema does not allow. Returns which schema that was."""
    if not stdout.startswith("{"):
        return None
    document = json.loads(stdout)
    name = _schema_name(words, document)
    validator(name).validate(document)
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
