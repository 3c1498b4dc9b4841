"""JSON output: sorted keys, exact Decimals, unprintable characters escaped.

A custom encoder is needed because that of the standard library cannot write Decimals without losing digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping

from psyche_cli.printable import escaped_json
from psyche_cli.results import JsonValue

_INDENT = "  "


def json_text(value: JsonValue | Mapping[str, object], *, ascii_only: bool = False, one_line: bool = False) -> str:
    """JSON with sorted keys, indented by 2 spaces or on one line; Decimals exact, NaN and infinities as null.

    Unprintable characters are escaped, and with ``ascii_only`` all non-ASCII characters. Raises TypeError for a value
    of any other type.
    """
    quoted = json.JSONEncoder(ensure_ascii=ascii_only).encode
    return escaped_json(_text(value, quoted, None if one_line else "\n"))


def _text(value: object, quoted: Callable[[str], str], line: str | None) -> str:
    """``line`` is a line break and the indentation of the value's closing bracket; None for one-line output."""
    if isinstance(value, str):
        return quoted(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    inner = None if line is None else line + _INDENT
    if isinstance(value, Mapping):
        colon = ":" if line is None else ": "
        members = [f"{quoted(key)}{colon}{_text(value[key], quoted, inner)}" for key in sorted(value)]
        return _bracketed("{}", members, line)
    if isinstance(value, list | tuple):
        return _bracketed("[]", [_text(element, quoted, inner) for element in value], line)
    return _fraction(value)


def _fraction(value: object) -> str:
    if isinstance(value, float):
        return float.__repr__(value) if math.isfinite(value) else "null"
    from decimal import Decimal  # not at the top: a document without one need not wait for it

    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else "null"
    raise TypeError(f"{type(value).__name__} is not a JSON type")


def _bracketed(brackets: str, parts: list[str], line: str | None) -> str:
    if not parts:
        return brackets
    if line is None:
        return f"{brackets[0]}{','.join(parts)}{brackets[1]}"
    between = line + _INDENT
    return f"{brackets[0]}{between}{f',{between}'.join(parts)}{line}{brackets[1]}"
