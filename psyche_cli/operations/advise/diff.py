"""Unified diffs that patch accepts."""

from __future__ import annotations

import difflib
import os


def unified_diff(before: str, after: str, name: str) -> str:
    """The diff between two texts of a file, with ``name`` in its headers; empty if they are the same."""
    shown = _quoted(name)
    lines = difflib.unified_diff(_lines(before), _lines(after), shown, shown)
    return "".join(_ended(line) for line in lines)


def _quoted(name: str) -> str:
    """A file name in a header. Control characters are escaped as in C, as GNU patch and git read it."""
    if all(character.isprintable() and character not in '"\\' for character in name):
        return f"{name}\t" if " " in name else name
    octets = "".join(
        chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\{octet:03o}" for octet in os.fsencode(name)
    )
    return f'"{octets}"'


def _lines(text: str) -> list[str]:
    """The lines with their line feeds, and with nothing else as the end of a line."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last else lines


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
