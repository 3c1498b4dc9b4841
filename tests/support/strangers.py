"""Random hostile text, as anyone can store on-chain or return from an endpoint: control characters, markup, etc."""

from __future__ import annotations

import random

PLAIN = ("run", "my-run", "x", " ", "日本語", "é", "naïve", "0", "A" * 20, "🦙")
CONTROL = tuple(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0))))
SEQUENCES = (
    "\x1b[2J", "\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\here", "\x9b31m", "\x1bc", "\x1b[8m", "\r\n",
    "\x1bP+q\x1b\\", "\b\b\b\b", "\x1b[1A\x1b[2K", "\x0e",
)  # fmt: skip
INVISIBLE = tuple(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x2028, 0x2029, 0xFEFF, 0xAD))
)
ODD = tuple(map(chr, (0xA0, 0x3000, 0xE000, 0xF8FF, 0x10FFFF, 0xE0001, 0xE0041, 0x378, 0xFFFE, 0x1D173, 0x180E)))
SURROGATES = tuple(map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xD83D, 0xDC9B)))
MARKUP = ("[bold red]", "[/]", "[link=http://x]y[/link]", "</b>", '"', "\\", "\\u001b", "%s", "{0}", ":boom:", "'", "`")
NOT_UTF8 = (
    b"\xff",
    b"\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf5\x80\x80\x80",
    b"\x80",
    b"\xc0\xaf",
    b"\xf0\x9f",
)

KINDS = (PLAIN, CONTROL, SEQUENCES, INVISIBLE, ODD, MARKUP)


def name(source: random.Random, *, surrogates: bool = True) -> str:
    """A name made of one to six pieces."""
    kinds = (*KINDS, SURROGATES) if surrogates else KINDS
    return "".join(source.choice(source.choice(kinds)) for _ in range(source.randint(1, 6)))


def name_bytes(source: random.Random, longest: int) -> bytes:
    """A name as stored on-chain: valid UTF-8, damaged UTF-8, or random bytes."""
    if source.random() < 0.1:
        return source.randbytes(source.randint(0, longest))
    text = name(source).encode("utf-8", "surrogatepass")
    if source.random() < 0.3:
        at = source.randint(0, len(text))
        text = text[:at] + source.choice(NOT_UTF8) + text[at:]
    return text[:longest]
