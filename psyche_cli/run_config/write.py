"""Writes a configuration as TOML, the inverse of ``load``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from psyche_cli.printable import printable
from psyche_cli.run_config.differences import round_to_float32
from psyche_cli.run_config.schema import CONFIG, LLM
from psyche_cli.run_config.types import Array, Choice, FieldType, Float, Table

_FLOAT32_DIGITS: Final = 9
"""Number of significant decimal digits that uniquely identify a 32-bit float."""

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}


def to_toml(
    config: Mapping[str, Any], model: Mapping[str, Any], *, comment: Sequence[str] = (), ascii_only: bool = False
) -> str:
    """The TOML text of a complete configuration in the form used by ``load.RunConfig``, with keys in their usual order.

    Numbers have the fewest digits that parse to the same value, which is 32-bit for f32 fields. ``comment`` is a list
    of comment lines at the top. Unprintable characters are escaped, and with ``ascii_only`` all non-ASCII characters.
    """
    writer = _Writer(ascii_only)
    lines = [*(f"# {writer.comment(line)}" for line in comment), *([""] if comment else [])]
    lines += writer.table(CONFIG, config, "config")
    lines += ["", *writer.table(LLM, model["LLM"], "model.LLM")]
    return "\n".join(lines) + "\n"


class _Writer:
    def __init__(self, ascii_only: bool) -> None:
        self._ascii_only = ascii_only

    def comment(self, text: str) -> str:
        text = printable(text)
        return text.encode("ascii", errors="replace").decode() if self._ascii_only else text

    def table(self, kind: Table, values: Mapping[str, Any], path: str) -> Iterator[str]:
        """The lines of a table with its header: inline values first, then subtables."""
        yield f"[{path}]"
        below: list[str] = []
        for field in kind.fields:
            value = values[field.key]
            if value is None:
                continue
            inner = _table_of_variant(field.type, value)
            if inner is None:
                yield f"{field.key} = {self.value(field.type, value)}"
            else:
                variant, payload = inner
                below += ["", *self.table(payload, value[variant], f"{path}.{field.key}.{variant}")]
        yield from below

    def value(self, kind: FieldType, value: Any) -> str:
        """A value on one line."""
        if isinstance(value, str):
            return quoted_text(value, ascii_only=self._ascii_only)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(kind, Float):
            return _float32(value) if kind.bits == 32 else repr(float(value))
        if isinstance(kind, Array):
            return "[" + ", ".join(self.value(kind.item, item) for item in value) + "]"
        if isinstance(kind, Choice):
            [(name, content)] = value.items()
            [payload] = [variant.payload for variant in kind.variants if variant.name == name]
            assert payload is not None
            return f"{{ {name} = {self.value(payload, content)} }}"
        return str(value)


def quoted_text(text: str, *, ascii_only: bool = False) -> str:
    """A TOML string. Unprintable characters are escaped, and with ``ascii_only`` all non-ASCII characters."""
    return '"' + "".join(_character(character, ascii_only) for character in text) + '"'


def _character(character: str, ascii_only: bool) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and (character.isascii() or not ascii_only):
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def _table_of_variant(kind: FieldType, value: Any) -> tuple[str, Table] | None:
    """The variant name and payload type of a choice whose payload is a table; None for any other value."""
    if not isinstance(kind, Choice) or not isinstance(value, Mapping):
        return None
    [name] = value
    [payload] = [variant.payload for variant in kind.variants if variant.name == name]
    return (name, payload) if isinstance(payload, Table) else None


def shortest_float(number: float) -> str:
    """The shortest decimal number for a 64-bit value, or for a 32-bit one if it fits."""
    try:
        fits = round_to_float32(number) == number
    except OverflowError:
        fits = False
    return _float32(number) if fits else repr(number)


def _float32(number: float) -> str:
    """The shortest decimal number that equals ``number`` when rounded to 32 bits."""
    for digits in range(1, _FLOAT32_DIGITS):
        shorter = float(f"{number:.{digits}g}")
        try:
            if round_to_float32(shorter) == number:
                return repr(shorter)
        except OverflowError:
            continue
    return repr(float(f"{number:.{_FLOAT32_DIGITS}g}"))
