"""Strings beside the numbers of a JSON document that readers with doubles (jq, JavaScript) would round."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from psyche_cli.results import JsonValue

SUFFIX: Final = "_string"
LARGEST_EXACT_INTEGER: Final = 2**53
"""Up to here a double holds every integer."""


def with_strings(value: JsonValue) -> JsonValue:
    """The document with ``KEY_string`` beside every ``KEY`` whose number a double does not hold: the same digits.

    Those are integers beyond 2^53 and decimals with more digits than a double keeps. Nothing else changes.
    """
    if value is None or isinstance(value, str | int | float | Decimal):
        return value
    if isinstance(value, dict | Mapping):
        strings = {f"{key}{SUFFIX}": _digits(inner) for key, inner in value.items() if _is_rounded(inner)}
        return {**strings, **{key: with_strings(inner) for key, inner in value.items()}}
    return [with_strings(inner) for inner in value]


def _is_rounded(value: object) -> bool:
    if isinstance(value, str):  # most values
        return False
    if isinstance(value, Decimal):
        return value.is_finite() and Decimal(repr(float(value))) != value
    return isinstance(value, int) and abs(value) > LARGEST_EXACT_INTEGER


def _digits(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
