"""String copies of JSON numbers that parsers using doubles (jq, JavaScript) would round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psyche_cli.results import JsonValue

SUFFIX: Final = "_string"
LARGEST_EXACT_INTEGER: Final = 2**53
"""Every integer up to this magnitude is exact as a double."""


def with_strings(value: JsonValue) -> JsonValue:
    """Add ``KEY_string``, the exact digits, next to every ``KEY`` whose number a double cannot represent.

    These are integers beyond 2^53 and decimals with more digits than a double holds. Nothing else changes.
    """
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict | Mapping):
        strings = {f"{key}{SUFFIX}": _digits(inner) for key, inner in value.items() if _is_rounded(inner)}
        return {**strings, **{key: with_strings(inner) for key, inner in value.items()}}
    return [with_strings(inner) for inner in value] if isinstance(value, list | tuple) else value


def _is_rounded(value: object) -> bool:
    if value is None or isinstance(value, str | float | dict | Mapping | list | tuple):
        return False
    if isinstance(value, int):
        return abs(value) > LARGEST_EXACT_INTEGER
    from decimal import Decimal

    return isinstance(value, Decimal) and value.is_finite() and Decimal(repr(float(value))) != value


def _digits(value: object) -> str:
    return str(value) if isinstance(value, int) else format(value, "f")
