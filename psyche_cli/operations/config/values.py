"""Formatting of configuration values for human-readable output."""

from __future__ import annotations

from collections.abc import Mapping


def shown_value(value: object) -> str:
    """A value on one line: booleans as in TOML, strings quoted, tables as (key=value, ...), choices as Variant(...)."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value)
    if not isinstance(value, Mapping):
        return str(value)
    [first, *more] = value
    if not more and first[:1].isupper():
        inner = shown_value(value[first])
        return f"{first}{inner}" if inner.startswith("(") else f"{first}({inner})"
    return "(" + ", ".join(f"{name}={shown_value(item)}" for name, item in value.items()) + ")"
