"""JSON values as the messages of a node show them: in Rust's debug format, and in the words of its JSON library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from psyche_cli.json_values import Json
from psyche_cli.limits import U64_MAX

_I64_MIN: Final = -(2**63)
_ESCAPES: Final = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})


def is_integer(value: Json) -> bool:
    """Whether a node reads this number as an integer: the range is that of i64 and u64."""
    return isinstance(value, int) and not isinstance(value, bool) and _I64_MIN <= value <= U64_MAX


def float_text(value: float) -> str:
    """A number in the notation of Rust's JSON library: ``1e20``, ``0.00001``, ``1.0``."""
    text = repr(float(value)) if abs(value) < 2**1024 else "inf"
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    power = int(exponent)
    if power == -5:
        digits = mantissa.lstrip("-").replace(".", "")
        return f"{'-' if value < 0 else ''}0.0000{digits}"
    return f"{mantissa}e{power}"


def quoted(text: str) -> str:
    """A string as Rust's debug format shows it."""
    escaped = text.translate(_ESCAPES)
    return f'"{escaped if escaped.isprintable() else "".join(map(_debug_character, escaped))}"'


def _debug_character(character: str) -> str:
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def debug_text(value: Json) -> str:
    """A JSON value as Rust's debug format shows it: ``Object {"limit": Number(5)}``."""
    if value is None:
        return "Null"
    if isinstance(value, bool):
        return f"Bool({str(value).lower()})"
    if isinstance(value, str):
        return f"String({quoted(value)})"
    if isinstance(value, list):
        return f"Array {debug_list(value)}"
    if isinstance(value, dict):
        return f"Object {debug_map(value)}"
    return f"Number({value if is_integer(value) else float_text(value)})"


def debug_list(values: list[Json]) -> str:
    """A list of JSON values in Rust's debug format."""
    return f"[{', '.join(map(debug_text, values))}]"


def debug_map(values: Mapping[str, Json]) -> str:
    """A JSON object in Rust's debug format; its names are sorted."""
    return f"{{{', '.join(f'{quoted(name)}: {debug_text(values[name])}' for name in sorted(values))}}}"


def shown_type(value: Json) -> str:
    """A value in messages that its type is not the expected one: ``string "a"``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, str):
        return f"string {quoted(value)}"
    if isinstance(value, list):
        return "sequence"
    if isinstance(value, dict):
        return "map"
    return f"integer `{value}`" if is_integer(value) else f"floating point `{float_text(value)}`"
