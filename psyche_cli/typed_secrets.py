"""Heuristics that find private keys, parts of keys and recovery phrases in a command line.

A key in the wrong place is never loaded as one, so its appearance is all there is to go by. Keys look random: uppercase
letters, lowercase letters and digits alternate far more often than in words, paths and names. The same is true of
public keys, which must remain visible; text that is exactly 32 bytes in base58 is treated as a public key.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from psyche_cli import base58
from psyche_cli.lazy_pattern import LazyPattern
from psyche_cli.private_keys import (
    BASE64_KEY,
    HEX_KEY,
    KEY_TEXT,
    NUMBER,
    NUMBERS,
    NUMBERS_OF_A_KEY,
    PHRASE,
    SHORT_KEY_TEXT,
    WORDS_OF_A_PHRASE,
    holds_keypair,
    is_seed,
)

SHORTEST_KEY: Final = 43
"""Length of the shortest encoding of a key or phrase, other than numbers: a seed in base64."""

# Keys joined to other text. In a long path, only a part without a slash is considered as base64.
_LONG_TEXTS: Final = (
    LazyPattern(f"[{base58.ALPHABET}]{{80,}}"),
    LazyPattern(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{64,}"),
    LazyPattern(r"[\w+/-]{86,}==|[\w+-]{86,}|[\w+/-]{43,}=(?![\w=])", re.ASCII),
)
_DIGEST: Final = LazyPattern(r"(?<=[0-9A-Za-z]:)[0-9A-Fa-f]{32,128}(?![0-9A-Za-z])")
_LONG_WORD: Final = LazyPattern(r"[0-9A-Za-z]{45,}")
_LONG_BASE64: Final = LazyPattern(r"[\w+/-]{43,}", re.ASCII)
_HEX: Final = LazyPattern(r"[0-9A-Fa-f]+")
_HEX_DIGIT: Final = LazyPattern(r"[0-9A-Fa-f]")
_BASE58_PIECES: Final = LazyPattern(
    rf"(?<![0-9A-Za-z])[{base58.ALPHABET}]{{8,}}(?:[\s'\"\\]+[{base58.ALPHABET}]{{8,}})+"
)
_MISPLACED_CHARACTERS: Final = 32
_MISPLACED: Final = LazyPattern(rf"[\w+-]{{{_MISPLACED_CHARACTERS},}}={{0,2}}", re.ASCII)
# Decimal numbers, and hexadecimal groups of one to four bytes, with arbitrary separators.
_SEPARATED_NUMBERS: Final = LazyPattern(
    rf"(?<![0-9A-Za-z])[0-9]{{1,3}}(?:[^0-9A-Za-z]{{1,4}}[0-9]{{1,3}}){{{NUMBERS_OF_A_KEY - 1},}}(?![0-9A-Za-z])"
)
_SEPARATED_HEX: Final = LazyPattern(
    r"(?<![0-9A-Za-z])(?:0x|\\x)?[0-9A-Fa-f]{2,8}(?:(?:[^0-9A-Za-z]{1,4}(?:0x)?|\\x)[0-9A-Fa-f]{2,8}){7,}"
)

_HEX_DIGITS: Final = 48
_HEX_CHARACTERS: Final = frozenset(string.hexdigits)
_SHORTEST_PUBLIC: Final = 32
"""Minimum length of a public key in base58, or of a digest in hexadecimal, in characters."""
_WRAPPED: Final = 60
"""Minimum total length of the pieces of a key that is split by whitespace or line breaks."""
_PIECE_CHARACTERS: Final = 8
_KEYPAIR_CHARACTERS: Final = range(86, 89)
_PROSE: Final = LazyPattern(r"\b(?:and|are|for|from|into|not|the|was|with)\b")
"""Words that occur in almost every sentence, but not in recovery phrases."""


class _Only(dict[int, str]):
    """A table for ``str.translate`` that keeps some characters and replaces all others with blanks."""

    def __init__(self, characters: str) -> None:
        super().__init__((ord(character), character) for character in characters)

    def __missing__(self, _: int) -> str:
        return " "


_DIGITS: Final = _Only(string.digits)
_ALPHANUMERIC: Final = _Only(string.digits + string.ascii_letters)
_RUNS: Final = _Only(string.digits + string.ascii_letters + "_+/-")
_QUOTES: Final = str.maketrans("'\"\\", "   ")


def secrets_in(line: str) -> Iterator[str]:
    """The parts of a command line that look like a private key, part of one, or a recovery phrase.

    Does not detect a base58 seed, which looks like a public key.
    """
    return _wrapped(line) if _is_ordinary(line) else _search(line)


def _search(line: str) -> Iterator[str]:
    for shape in (*_LONG_TEXTS, KEY_TEXT, HEX_KEY, BASE64_KEY):
        yield from shape.findall(line)
    for phrase in PHRASE.findall(line):
        yield from (part for part in _PROSE.split(phrase) if len(part.split()) >= WORDS_OF_A_PHRASE)
    yield from _numbers(line)
    yield from _split_keypairs(line)
    line = _without_public(line)
    for word in _LONG_WORD.findall(line):
        if _alternation(word) >= 0.3 or _HEX.fullmatch(word):
            yield word
    for text in _LONG_BASE64.findall(line):
        if _alternation(text) >= 0.4 and not text.islower() and not text.isupper():
            yield text
    yield from _wrapped(line)


def _is_ordinary(line: str) -> bool:
    """Whether a line contains so few long words, numbers and hex digits that only a wrapped key may be in it.

    This is true of most lines, and it avoids compiling the patterns, which takes milliseconds.
    """
    runs = line.translate(_RUNS).split()
    alphanumeric = line.translate(_ALPHANUMERIC).split()
    pieces = _pieces(line)
    return (
        max(map(len, runs), default=0) < SHORTEST_KEY
        and max(map(len, alphanumeric), default=0) < _SHORTEST_PUBLIC
        and len(pieces) < WORDS_OF_A_PHRASE
        and len(line.translate(_DIGITS).split()) < NUMBERS_OF_A_KEY
        and sum(map(line.count, _HEX_CHARACTERS)) < _HEX_DIGITS
        and not any(map(_may_be_split, pieces, pieces[1:]))
    )


def _may_be_split(piece: str, after: str) -> bool:
    """Whether a base58 keypair may continue from one piece of a line into the next."""
    end, start = piece[-_PIECE_CHARACTERS:], after[:_PIECE_CHARACTERS]
    return end.isalnum() and start.isalnum() and len(end) == len(start) == _PIECE_CHARACTERS


def misplaced_secrets_in(line: str) -> Iterator[str]:
    """Possible secrets among words that belong to no option or argument.

    No message needs to repeat such words, so weaker evidence is enough than in ``secrets_in``.
    """
    for text in _MISPLACED.findall(line):
        if any(character.isdigit() for character in text):
            yield text
    for word in line.split():
        if len(word) >= _MISPLACED_CHARACTERS and _alternation(word) >= 0.3:
            yield word


def _numbers(line: str) -> Iterator[str]:
    for numbers in (*NUMBERS.findall(line), *_SEPARATED_NUMBERS.findall(line)):
        if len(NUMBER.findall(numbers)) >= NUMBERS_OF_A_KEY:
            yield numbers
    for text in _SEPARATED_HEX.findall(line):
        if len(_HEX_DIGIT.findall(text)) >= _HEX_DIGITS:
            yield text


def _split_keypairs(line: str) -> Iterator[str]:
    """The pieces of a base58 keypair that is split by whitespace, line breaks or quotes."""
    for found in _BASE58_PIECES.findall(line):
        pieces = _pieces(found)
        for first in range(len(pieces)):
            for last in range(first + 2, len(pieces) + 1):
                text = "".join(pieces[first:last])
                if len(text) in _KEYPAIR_CHARACTERS and holds_keypair(text):
                    yield from pieces[first:last]


def _wrapped(line: str) -> Iterator[str]:
    """Adjacent pieces that look random and that together have the length of a key."""
    pieces: list[str] = []
    for piece in [*_pieces(line), ""]:
        if len(piece) >= _PIECE_CHARACTERS and (_alternation(piece) >= 0.2 or _HEX_CHARACTERS.issuperset(piece)):
            pieces.append(piece)
            continue
        whole = "".join(pieces)
        if len(pieces) > 1 and len(whole) >= _WRAPPED and _alternation(whole) >= 0.3:
            yield from pieces
        pieces = []


def _pieces(line: str) -> list[str]:
    """The parts of a line between blanks, quotes and backslashes."""
    return line.translate(_QUOTES).split()


def _without_public(line: str) -> str:
    """The line with public keys and digests overwritten by NUL characters."""
    public = [found.span() for found in _DIGEST.finditer(line)]
    public += [found.span() for found in SHORT_KEY_TEXT.finditer(line) if is_seed(found[0])]
    for start, end in public:
        line = line[:start] + "\0" * (end - start) + line[end:]
    return line


def _alternation(text: str) -> float:
    """Share of adjacent character pairs that differ in kind (uppercase, lowercase, digit), from 0 to 1."""
    kinds = [_kind(character) for character in text]
    changes = sum(a != b and a != 0 != b for a, b in pairwise(kinds))
    return changes / max(len(text) - 1, 1)


def _kind(character: str) -> int:
    if "a" <= character <= "z":
        return 1
    if "A" <= character <= "Z":
        return 2
    return 3 if "0" <= character <= "9" else 0
