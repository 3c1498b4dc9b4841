"""Validates the values of a parsed TOML file against the types in ``types`` and ``schema``.

An invalid value does not raise: its problem is recorded and validation continues, so that all problems are reported.
"""

from __future__ import annotations

import difflib
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from psyche_cli.printable import printable
from psyche_cli.run_config.problems import Problem
from psyche_cli.run_config.schema import IGNORED_KEYS, RETIRED_KEYS
from psyche_cli.run_config.stored_text import text_problem
from psyche_cli.run_config.types import (
    TOML_INTEGER_MAX,
    Array,
    Boolean,
    Choice,
    Field,
    FieldType,
    Float,
    Integer,
    Table,
    Text,
    Variant,
)
from psyche_cli.texts import flaw_of_prose

LONGEST_SHOWN_VALUE = 24
"""Maximum length in characters of a shown value. A longer one may be a private key pasted by mistake."""

LONGEST_SHOWN_KEY = 40
"""Maximum length in characters of a shown key name."""

_LONGEST_SHOWN_INTEGER = 72
_COMPARED = 60


class _Bad:
    """Placeholder for an invalid value, whose problem has been recorded."""


BAD = _Bad()


class Reader:
    """Validates values and collects ``problems`` and ``warnings``."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def read(self, kind: FieldType, value: Any, key: str) -> Any:
        """The validated value in the form used by the rest of the package, or ``BAD``.

        Integers, strings and booleans are unchanged. Numbers become floats, arrays become lists, and tables become
        dicts with every key: None if an optional key is absent, ``BAD`` if its value is invalid. A choice is its
        variant's name or ``{name: payload}``.
        """
        if isinstance(kind, Integer):
            return self._integer(kind, value, key)
        if isinstance(kind, Float):
            return self._float(kind, value, key)
        if isinstance(kind, Boolean):
            return value if isinstance(value, bool) else self._wrong_type(key, "true or false", value)
        if isinstance(kind, Text):
            return self._text(kind, value, key)
        if isinstance(kind, Array):
            return self._array(kind, value, key)
        if isinstance(kind, Table):
            return self._table(kind, value, key)
        return self._choice(kind, value, key)

    def note(self, key: str, rule: str, message: str) -> _Bad:
        """Record a problem and return ``BAD`` as the value."""
        self.problems.append(Problem(key, rule, message))
        return BAD

    def _wrong_type(self, key: str, expected: str, value: Any) -> _Bad:
        return self.note(key, "WrongType", f"{key} must be {expected}, got {described(value)}")

    def _integer(self, kind: Integer, value: Any, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return self._wrong_type(key, f"an integer from 0 to {kind.maximum}", value)
        if not 0 <= value <= kind.maximum:
            return self.note(
                key,
                "OutOfRange",
                f"{key} = {quoted(value)} is out of range: expected a {kind.name}, from 0 to {kind.maximum}",
            )
        return value

    def _float(self, kind: Float, value: Any, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._wrong_type(key, "a number", value)
        if isinstance(value, int) and not -TOML_INTEGER_MAX - 1 <= value <= TOML_INTEGER_MAX:
            return self.note(key, "OutOfRange", f"{key} = {quoted(value)} exceeds the range of TOML's 64-bit integers")
        number = float(value)
        if not math.isfinite(number):
            return self.note(key, "NotFinite", f"{key} = {number} is not a finite number")
        if kind.bits == 32 and not fits_float32(number):
            return self.note(
                key,
                "OutOfRange",
                f"{key} = {number} is out of range: expected an f32, at most 3.4028235e38 in magnitude",
            )
        return number

    def _text(self, kind: Text, value: Any, key: str) -> Any:
        if not isinstance(value, str):
            return self._wrong_type(key, "a string", value)
        problem = text_problem(key, value, kind.capacity, flaw_of_prose)
        if problem is not None:
            return self.note(problem.key, problem.rule, problem.message)
        return value

    def _array(self, kind: Array, value: Any, key: str) -> Any:
        expected = f"an array of exactly {kind.length} {_plural(kind.item)}"
        if not isinstance(value, list):
            return self._wrong_type(key, expected, value)
        if len(value) != kind.length:
            return self.note(key, "WrongLength", f"{key} must be {expected}, got {len(value)}")
        items = [self.read(kind.item, item, f"{key}[{index}]") for index, item in enumerate(value)]
        return BAD if any(item is BAD for item in items) else items

    def _table(self, kind: Table, value: Any, key: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong_type(key, "a table", value)
        fields = {field.key: field for field in kind.fields}
        for name in value:
            if name not in fields:
                self._unknown_key(
                    f"{key}.{key_name(name)}", name, [known for known in fields if known not in value] or fields
                )
        return {name: self._field(field, value, f"{key}.{name}") for name, field in fields.items()}

    def _field(self, field: Field, table: Mapping[str, Any], key: str) -> Any:
        if field.key in table:
            return self.read(field.type, table[field.key], key)
        if field.optional:
            return None
        return self.note(key, "MissingKey", f"{key} is missing: {field.meaning} ({field.type.name})")

    def _unknown_key(self, key: str, name: str, candidates: Iterable[str]) -> None:
        if key in IGNORED_KEYS:
            self.warnings.append(Problem(key, "IgnoredKey", f"{key} is ignored: it is no longer read by any program"))
        elif key in RETIRED_KEYS:
            self.note(key, "RetiredKey", f"{key} is no longer supported: {RETIRED_KEYS[key]}")
        else:
            self.note(key, "UnknownKey", f"{key} is not a known key{did_you_mean(name, candidates)}")

    def _choice(self, kind: Choice, value: Any, key: str) -> Any:
        variants = {variant.name: variant for variant in kind.variants}
        if isinstance(value, str):
            variant = variants.get(value)
            if variant is None:
                return self._unknown_variant(kind, value, key)
            if variant.payload is not None:
                return self.note(
                    key, "WrongType", f'{key} = "{value}" is missing its value: write {_example_of(variant, value)}'
                )
            return value
        if not isinstance(value, dict):
            return self._wrong_type(key, kind.name, value)
        if len(value) != 1:
            return self._not_one_variant(kind, value, key)
        ((name, payload),) = value.items()
        variant = variants.get(name)
        if variant is None:
            return self._unknown_variant(kind, name, key)
        if variant.payload is None:
            return self.note(key, "WrongType", f'{key}.{name} takes no value: write the string "{name}"')
        content = self.read(variant.payload, payload, f"{key}.{name}")
        return BAD if content is BAD else {name: content}

    def _not_one_variant(self, kind: Choice, value: Mapping[str, Any], key: str) -> _Bad:
        if not value:
            return self.note(key, "UnknownVariant", f"{key} must be {kind.name}, got an empty table")
        names = ", ".join(key_name(name) for name in value)
        return self.note(key, "UnknownVariant", f"{key} must be exactly {kind.name}, got {len(value)} keys: {names}")

    def _unknown_variant(self, kind: Choice, name: str, key: str) -> _Bad:
        names = [variant.name for variant in kind.variants]
        advice = did_you_mean(name, names)
        return self.note(
            key, "UnknownVariant", f"{key} = {quoted(name)} is not a known value{advice}; it must be {kind.name}"
        )


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """A suffix such as `` (did you mean X?)`` with the most similar candidate; empty if none is similar."""
    known = list(candidates)
    same = [candidate for candidate in known if candidate.lower() == name.lower()]
    if same:
        return f" (did you mean {same[0]}? Names are case-sensitive)"
    near = difflib.get_close_matches(name[:_COMPARED], known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def described(value: Any) -> str:
    """A description of a TOML value for a message, such as ``the string "abc"``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {quoted(value)}" if len(value) <= LONGEST_SHOWN_VALUE else quoted(value)
    if isinstance(value, int):
        return f"the integer {quoted(value)}"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "an array"
    return "a date or time"


def quoted(value: str | int) -> str:
    """A value as shown in messages: strings in double quotes, and only the length of an unusually long value.

    A long value may be a private key that was pasted into the wrong place.
    """
    if isinstance(value, int):
        bits = value.bit_length()
        return str(value) if bits <= _LONGEST_SHOWN_INTEGER else f"an integer of {bits} bits"
    return f'"{printable(value)}"' if len(value) <= LONGEST_SHOWN_VALUE else f"a string of {len(value)} characters"


def key_name(name: str) -> str:
    """The name of a key as shown in messages; only the length of an unusually long one."""
    return printable(name) if len(name) <= LONGEST_SHOWN_KEY else f"(a key of {len(name)} characters)"


def fits_float32(number: float) -> bool:
    """Whether a finite number remains finite when rounded to 32 bits."""
    try:
        struct.pack("<f", number)
    except OverflowError:
        return False
    return True


def _plural(kind: Integer | Float) -> str:
    return f"integers from 0 to {kind.maximum}" if isinstance(kind, Integer) else "numbers"


def _example_of(variant: Variant, name: str) -> str:
    if isinstance(variant.payload, Table):
        keys = ", ".join(field.key for field in variant.payload.fields if not field.optional)
        return f"{{ {name} = {{ … }} }} with {keys}"
    return f"{{ {name} = [ … ] }}" if isinstance(variant.payload, Array) else f'{{ {name} = "…" }}'
