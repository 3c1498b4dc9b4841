"""Which texts people can read and type again, and how a text file is decoded."""

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
"""Characters that Python counts as printable and yet leave no mark: fillers, variation selectors, the empty Braille
pattern."""

_JOINERS: Final = frozenset({"\u200c", "\u200d", *map(chr, range(0xFE00, 0xFE10))})
"""What joins emoji and letters, and picks their presentation. Prose needs them, an identifier does not."""


def flaw_of_identifier(text: str) -> str | None:
    """Why a text cannot serve as a name that people type: None if it can, else a clause such as ``begins with ...``.

    It must be printable, visible, without blanks at its ends, and in Unicode's NFC form: keyboards write ``é`` as one
    character, and the same letter in two characters would be another name that looks the same.
    """
    flaw = flaw_of_prose(text, allowed=frozenset())
    if flaw is not None:
        return flaw
    if unicodedata.normalize("NFC", text) != text:
        return "contains decomposed characters (not Unicode NFC), which keyboards do not produce"
    return None


def flaw_of_prose(text: str, *, allowed: frozenset[str] = _JOINERS) -> str | None:
    """Why a text cannot be shown on one line: None if it can, else a clause such as ``starts with whitespace``.

    An empty text has no flaw.
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
    """The text of a file in UTF-8, or with a byte-order mark in UTF-16, as Windows PowerShell writes; without the mark.

    Raises UnicodeDecodeError.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    return content.decode("utf-8-sig")
