"""Keeps secrets out of output: private keys, and the paths, queries and user info of RPC URLs.

A private key in base58 looks like a transaction signature, and a seed looks like a public key, so the look of a text
decides nothing on its way out. Secrets are learned where they come in (the words a user typed, environment variables,
loaded wallets, opened endpoints), in every form in which somebody may repeat them; whatever is printed is searched
for them, and for any part of eight characters or more.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from psyche_cli import base58
from psyche_cli.errors import UsageError
from psyche_cli.lazy_pattern import LazyPattern

HIDDEN: Final = "(not shown)"

SHORTEST: Final = 8
"""Characters of a secret that no output may repeat in a row; what is shorter tells too little, and is in any text."""

_KEYPAIR_BYTES: Final = 64
_SEED_BYTES: Final = 32
# 64 bytes in base58 are 87 or 88 characters. A few less is a key that was not copied whole.
_KEY_TEXT: Final = LazyPattern(f"(?<![{base58.ALPHABET}])[{base58.ALPHABET}]{{80,90}}(?![{base58.ALPHABET}])")
# A digest such as that of a client's image has 64 hexadecimal digits as well, but says what it is.
_HEX_KEY: Final = LazyPattern(r"(?<![0-9A-Za-z:])(?:0x)?([0-9A-Fa-f]{64}(?:[0-9A-Fa-f]{64})?)(?![0-9A-Za-z])")
_BASE64_KEY: Final = LazyPattern(r"(?<![\w+/-])(?:[\w+/-]{86}==|[\w+-]{86}|[\w+/-]{43}=)(?![\w+/=-])", re.ASCII)
# The same where it was pasted on to something else. Of a long path, only what has no slash may be base64.
_LONG_TEXTS: Final = (
    LazyPattern(f"[{base58.ALPHABET}]{{80,}}"),
    LazyPattern(r"(?<![0-9A-Fa-f:])[0-9A-Fa-f]{64,}"),
    LazyPattern(r"[\w+/-]{86,}==|[\w+-]{86,}|[\w+/-]{43,}=(?![\w=])", re.ASCII),
)
_PHRASE: Final = LazyPattern(r"(?<![^\s=\"'])[a-z]{3,8}(?:[ \t\n]+[a-z]{3,8}){11,23}(?![^\s\"'])")
_URL: Final = LazyPattern(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_URL_OPTIONS: Final = ("--rpc", "--ws-rpc", "--url", "-u", "rpc")
# Numbers in a row, however they are separated: JSON, the debug forms of languages, words that a shell split.
_NUMBERS: Final = LazyPattern(
    r"""(?<![0-9])(?<![0-9]\.)[0-9]{1,3}(?:(?:[\s,;'"()\[\]{}|]|\\[nrt])+[0-9]{1,3})+(?!\.?[0-9])""",
)
_NUMBER: Final = LazyPattern(r"[0-9]+")
_SHORTEST_KEY: Final = 43
"""Characters of the shortest form of a key or a phrase, other than numbers: a seed in base64."""
_LONGEST_BASE58: Final = 90
_NUMBERS_OF_A_KEY: Final = 12
_NUMBERS_IN_A_ROW: Final = 3


def holds_key(text: str) -> bool:
    """Whether a word that a user typed looks as if a private key or a recovery phrase were in it.

    A seed in base58 looks like a public key and is not noticed.
    """
    numbers = any(len(_NUMBER.findall(row)) >= _NUMBERS_OF_A_KEY for row in _NUMBERS.findall(text))
    return numbers or any(shape.search(text) for shape in (_KEY_TEXT, _HEX_KEY, _BASE64_KEY, _PHRASE))


def holds_keypair(text: str) -> bool:
    """Whether a private key is in the text for certain: 64 bytes whose second half is the public key of the first."""
    candidates = (
        *_KEY_TEXT.findall(text),
        *_NUMBERS.findall(text),
        *_HEX_KEY.findall(text),
        *_BASE64_KEY.findall(text),
    )
    keys = [key for key in map(_key_bytes, candidates) if len(key) == _KEYPAIR_BYTES]
    if not keys:
        return False
    from solders.keypair import Keypair  # not at the top: most texts need no curve

    return any(bytes(Keypair.from_seed(key[:_SEED_BYTES])) == key for key in keys)


def is_seed(text: str) -> bool:
    """Whether a text is the base58 form of 32 bytes: a seed or a public key."""
    return len(_from_base58(text)) == _SEED_BYTES


def refuse_key_as_path(path: Path, what: str) -> None:
    """Raise UsageError where a key was typed as the path of a new file or folder, whose name would publish it.

    ``what`` says what the path is for, such as "the ledger directory".
    """
    if holds_key(str(path)) or is_seed(str(path)):
        raise UsageError(
            f"The value of {what} is a key, not a path.",
            hint="Keep keys in files that only you can read. Command lines are visible to other users and are kept in "
            "the shell history.",
        )


class Redactor:
    """What must not be printed, and the texts without it.

    Of a key only hashes of its parts are kept, so that no dump of an object shows it.
    """

    __slots__ = ("_parts", "_urls")

    def __init__(self) -> None:
        self._parts: set[int] = set()
        self._urls: dict[str, str] = {}

    def redacted(self, text: str) -> str:
        """The text with ``(not shown)`` in place of every secret, and of every part of one."""
        # The longest first: one may be the beginning of another.
        for url in sorted(self._urls, key=len, reverse=True):
            text = text.replace(url, self._urls[url])
        if not self._parts:
            return text
        kept, end = [], 0
        for first, last in _merged(self._found(text)):
            kept += [text[end:first], HIDDEN]
            end = last
        return "".join(kept) + text[end:] if kept else text

    def learn_words(self, words: Iterable[str]) -> None:
        """Learn what of a user's words cannot be meant to be repeated: what looks like a key, and what is a URL.

        In text that a user typed the look has to do, for a key in the wrong place is never loaded as one.
        """
        words = list(words)
        for before, word in zip(["", *words], words, strict=False):
            name, _, value = word.partition("=")
            if before in _URL_OPTIONS:
                self.learn_url(word)
            elif name in _URL_OPTIONS:
                self.learn_url(value)
            for url in _URL.findall(word):
                self.learn_url(url)
            if len(word) < _SHORTEST_KEY:
                continue
            for shape in (*_LONG_TEXTS, _KEY_TEXT, _HEX_KEY, _BASE64_KEY):
                for key in shape.findall(word):
                    self.learn_secret(key)
        # An array or a phrase without quotes arrives as many words.
        line = " ".join(words)
        if len(line) >= _SHORTEST_KEY:
            for phrase in _PHRASE.findall(line):
                self.learn_secret(phrase)
        for numbers in _NUMBERS.findall(line):
            if len(_NUMBER.findall(numbers)) >= _NUMBERS_OF_A_KEY:
                self.learn_secret(numbers)

    def learn_secret(self, text: str) -> None:
        """Learn a text that is secret because of where it came from, and the forms of the key in it, if it is one."""
        text = text.strip().strip("\"'")
        self._learn(text)
        for numbers in _NUMBERS.findall(text):
            self._learn_numbers(_NUMBER.findall(numbers))
        key = _key_bytes(text)
        if key:
            self.learn_key(key)

    def learn_key(self, secret: bytes) -> None:
        """Learn a keypair (64 bytes, of which the second half is public) or a seed (32 bytes), in all its forms."""
        seed = secret[:_SEED_BYTES]
        for form in (
            base58.encode(secret),
            base58.encode(seed),
            secret.hex(),
            secret.hex().upper(),
            *_base64_forms(secret),
        ):
            self._learn(form)
        self._learn_numbers([str(byte) for byte in secret])

    def learn_url(self, url: str) -> None:
        """Learn the user info, the path segments and the query values of a URL, as they are and in other encodings."""
        if not url:
            return
        before, scheme_end, after = url.strip().strip("\"'").partition("://")
        rest = after if scheme_end else before
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        user, at, host = authority.rpartition("@")
        path = rest[len(authority) :]
        if scheme_end and (at or len(path) > 1):
            self._urls[rest] = host + (f"/{HIDDEN}" if len(path) > 1 else path)
        if at:
            self._urls[authority] = host
            self._learn(base64.b64encode(user.encode("utf-8", "replace")).decode("ascii").rstrip("="))
        if len(path.strip("/")) >= SHORTEST:
            self._urls[path.rstrip("/")] = f"/{HIDDEN}"
        segments, _, query = path.partition("?")
        values = (piece.partition("=")[2] or piece for piece in re.split("[?&;#]", query))
        for text in (user, *user.split(":"), *re.split("[/;#]", segments), *values):
            for form in _url_forms(text):
                self._learn(form)

    def _learn(self, text: str) -> None:
        for start in range(len(text) - SHORTEST + 1):
            self._parts.add(hash(text[start : start + SHORTEST]))

    def _learn_numbers(self, numbers: Sequence[str]) -> None:
        self._parts.update(hash(row) for row in _rows(numbers))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where in the text a part of a secret begins and ends."""
        parts = self._parts
        for start in range(len(text) - SHORTEST + 1):
            if hash(text[start : start + SHORTEST]) in parts:
                yield start, start + SHORTEST
        for run in _NUMBERS.finditer(text):
            numbers = list(_NUMBER.finditer(text, run.start(), run.end()))
            for index, row in enumerate(_rows([number[0] for number in numbers])):
                if hash(row) in parts:
                    yield numbers[index].start(), numbers[index + _NUMBERS_IN_A_ROW - 1].end()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that touch as one."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _rows(numbers: Sequence[str]) -> list[str]:
    """Every few numbers in a row, as one text."""
    return [",".join(numbers[i : i + _NUMBERS_IN_A_ROW]) for i in range(len(numbers) - _NUMBERS_IN_A_ROW + 1)]


def _key_bytes(text: str) -> bytes:
    """The keypair or seed that a text is the base58, hexadecimal, base64 or decimal form of; empty if it is none."""
    try:
        if _NUMBERS.fullmatch(text.strip("[]")):
            data = bytes(map(int, _NUMBER.findall(text)))
            return data if len(data) in (_KEYPAIR_BYTES, _SEED_BYTES) else b""
        if _HEX_KEY.fullmatch(text):
            return bytes.fromhex(text.removeprefix("0x"))
        if _BASE64_KEY.fullmatch(text):
            return base64.b64decode(text.rstrip("=").replace("-", "+").replace("_", "/") + "==")
    except ValueError:  # a number over 255
        return b""
    return _from_base58(text)


def _from_base58(text: str) -> bytes:
    """The keypair or seed that a text is the base58 form of; empty if it is none."""
    if len(text) > _LONGEST_BASE58 or base58.foreign_position(text) is not None:
        return b""
    data = base58.decode(text)
    return data if len(data) in (_KEYPAIR_BYTES, _SEED_BYTES) else b""


def _base64_forms(data: bytes) -> Iterator[str]:
    """What of the base64 form, ordinary and URL-safe, does not depend on what stands before and after the data."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data).decode("ascii")
        text = text[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
        yield text
        yield text.replace("+", "-").replace("/", "_")


def _url_forms(text: str) -> set[str]:
    """A part of a URL as it is, percent-decoded, and as somebody may encode it who repeats it."""
    from html import escape
    from json import dumps
    from urllib.parse import quote, unquote, unquote_plus

    plain = {text, unquote(text), unquote(text, "latin-1"), unquote_plus(text)}
    forms = set(plain)
    for form in plain:
        encoded = quote(form, safe="", errors="replace")
        forms |= {encoded, quote(form, errors="replace"), quote(encoded), dumps(form)[1:-1], repr(form)[1:-1]}
        # What is left where the header of an answer takes ASCII only, or takes bytes for characters.
        forms |= {escape(form), form.encode("ascii", "ignore").decode("ascii")}
        forms.add(form.encode("utf-8", "replace").decode("latin-1"))
    return forms | {form.upper() for form in forms} | {form.lower() for form in forms}
