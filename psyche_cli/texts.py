"""Checks that text is readable and can be typed, and decoding of text files."""

from __future__ import annotations

import codecs
import unicodedata
from typing import Final

BYTE_ORDER_MARK: Final = "\ufeff"

_INVISIBLE: Final = frozenset(
    map(
        chr,
        (
            0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0,
            *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
        ),
    )
)  # fmt: skip
"""Characters that Python considers printable but that are invisible: fillers, variation selectors, the blank Braille
pattern."""

_JOINERS: Final = frozenset({"\u200c", "\u200d", *map(chr, range(0xFE00, 0xFE10))})
"""Joiners of emoji and letters, and variation selectors. They are needed in prose but not in identifiers."""


def flaw_of_identifier(text: str) -> str | None:
    """Why the text is not usable as a typed name, as a clause such as ``starts with whitespace``; None if it is usable.

    The text must be printable, visible, without leading or trailing whitespace, and in Unicode NFC form: keyboards
    produce ``é`` as one character, and a name with the decomposed form would look the same but differ.
    """
    flaw = flaw_of_prose(text, allowed=frozenset())
    if flaw is not None:
        return flaw
    if unicodedata.normalize("NFC", text) != text:
        return "contains decomposed characters (not Unicode NFC), which keyboards do not produce"
    return None


def flaw_of_prose(text: str, *, allowed: frozenset[str] = _JOINERS) -> str | None:
    """Why the text cannot be shown on one line, as a clause such as ``starts with whitespace``; None if it can.

    Empty text is accepted.
    """
    for position, character in enumerate(text, start=1):
        if character in allowed:
            continue
        if not character.isprintable() or character in _INVISIBLE:
            return f"contains {_described(character)} at position {position}"
    if text[:1] == " ":
        return "consists only of whitespace" if not text.strip(" ") else "starts with whitespace"
    return "ends with whitespace" if text[-1:] == " " else None


def _described(character: str) -> str:
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "")
    if name:
        return f"the invisible character {code} ({name.lower()})"
    return f"the control character {code}" if unicodedata.category(character) == "Cc" else f"the character {code}"


def decoded(content: bytes) -> str:
    """Decode the content of a text file, without its byte order mark.

    The encoding is UTF-8, or UTF-16 if the content starts with its byte order mark, as written by Windows PowerShell.
    Raises UnicodeDecodeError.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")
