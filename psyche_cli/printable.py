"""Text that is safe to print, whoever wrote it: nothing in it acts on a terminal or hides from the reader.

Printable is what ``str.isprintable`` says. That leaves out control characters (C0, DEL, C1), bidirectional and
zero-width ones, line and paragraph separators, lone surrogates, and code points that are private or unassigned.
"""

from __future__ import annotations

from typing import TextIO


def printable(text: str) -> str:
    """The text with U+FFFD for every character that is not printable, line breaks included."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def escaped_json(text: str) -> str:
    r"""A JSON text, its line breaks between values kept, with ``\uXXXX`` for every character that is not printable.

    Such characters occur inside strings only, where the escape means the same.
    """
    return "\n".join(line if line.isprintable() else _escaped(line) for line in text.split("\n"))


def encodable(text: str, stream: TextIO) -> str:
    """The text with ``?`` for what the stream's encoding has no character for."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, errors="replace").decode(encoding)


def _escaped(line: str) -> str:
    return "".join(c if c.isprintable() else _escape(c) for c in line)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
