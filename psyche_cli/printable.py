"""Makes untrusted text safe to print: removes characters that control a terminal or are invisible.

A character is printable if ``str.isprintable`` returns True. That excludes control characters (C0, DEL, C1),
bidirectional and zero-width characters, line and paragraph separators, lone surrogates, and private or unassigned code
points.
"""

from __future__ import annotations

import codecs
from typing import TextIO


def printable(text: str) -> str:
    """Replace every unprintable character, including line breaks, with U+FFFD."""
    if text.isprintable():
        return text
    return text.translate({ord(c): "\N{REPLACEMENT CHARACTER}" for c in set(text) if not c.isprintable()})


def escaped_json(text: str) -> str:
    r"""Replace every unprintable character of a JSON text with ``\uXXXX``, except line breaks between values.

    Other unprintable characters occur only inside JSON strings, where the escape is equivalent.
    """
    return "\n".join(line if line.isprintable() else _escaped(line) for line in text.split("\n"))


def encodable(text: str, stream: TextIO) -> str:
    """Replace characters that the stream's encoding cannot represent with ``?``."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, errors="replace").decode(encoding)


def is_utf8(stream: TextIO) -> bool:
    """Whether a stream's encoding is UTF-8, which can represent every character."""
    try:
        return codecs.lookup(stream.encoding or "utf-8").name == "utf-8"
    except LookupError:
        return False


def _escaped(line: str) -> str:
    return line.translate({ord(c): _escape(c) for c in set(line) if not c.isprintable()})


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
