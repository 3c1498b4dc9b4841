"""Keeps secrets out of output: private keys, and the paths, queries and user info of RPC URLs.

In base58 a keypair looks like a transaction signature and a seed like a public key, so output cannot be filtered by
pattern. Instead, secrets are registered where they enter the process (command line, environment variables, loaded
wallets, opened endpoints) in every encoding in which they might be echoed, and all output is searched for them and for
any part of them of eight or more characters.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from psyche_cli import base58
from psyche_cli.lazy_pattern import LazyPattern
from psyche_cli.private_keys import NUMBER, NUMBERS, SEED_BYTES, base64_forms, key_bytes
from psyche_cli.typed_secrets import misplaced_secrets_in, secrets_in

HIDDEN: Final = "(not shown)"

SHORTEST: Final = 8
"""Minimum number of consecutive characters of a secret that is redacted. Shorter parts reveal too little, and occur in
unrelated text."""

# The scheme is bounded, so that the search takes linear time in a long word.
_URL: Final = LazyPattern(r"[A-Za-z][A-Za-z0-9+.-]{0,40}://\S+")
_URL_OPTIONS: Final = ("--rpc", "--ws-rpc", "--url", "-u", "rpc")
_NUMBERS_IN_A_ROW: Final = 3
_AS_MARKUP: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
"""HTML escapes. (``html.escape`` does the same, but its import takes milliseconds.)"""


class Redactor:
    """Holds the secrets of an invocation and removes them from text.

    Keys are stored only as hashes of their parts, so an object dump does not reveal them.
    """

    __slots__ = ("_parts", "_urls")

    def __init__(self) -> None:
        self._parts: set[int] = set()
        self._urls: dict[str, str] = {}

    def redacted(self, text: str) -> str:
        """Replace every secret, and every part of one, with ``(not shown)``."""
        # Longest first, because one URL may be a prefix of another.
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
        """Register secrets among the words of a command line: texts that look like a key, and URLs."""
        words = list(words)
        for before, word in zip(["", *words], words, strict=False):
            name, _, value = word.partition("=")
            if before in _URL_OPTIONS:
                self.learn_url(word)
            elif name in _URL_OPTIONS:
                self.learn_url(value)
            elif word.startswith("-u"):
                self.learn_url(word[len("-u") :])
            for url in _URL.findall(word):
                self.learn_url(url)
        # Joined, because an unquoted array or recovery phrase arrives as separate words.
        for text in secrets_in(" ".join(words)):
            self.learn_secret(text)

    def learn_misplaced(self, words: Iterable[str]) -> None:
        """Register possible keys among words that belong to no option or argument.

        No message needs to repeat such words, so weaker evidence is enough.
        """
        for text in misplaced_secrets_in(" ".join(words)):
            self.learn_secret(text)

    def learn_secret(self, text: str) -> None:
        """Register a text that is secret because of its origin, and if it is a key, also its other encodings."""
        text = text.strip().strip("\"'")
        self._learn(text)
        for numbers in NUMBERS.findall(text):
            self._learn_numbers(NUMBER.findall(numbers))
        key = key_bytes(text)
        if key:
            self.learn_key(key)

    def unlearn(self, text: str) -> None:
        """Show a text again that looks like a key but has turned out to be public, such as a transaction signature."""
        mistaken = Redactor()
        mistaken.learn_secret(text)
        self._parts -= mistaken._parts

    def learn_key(self, secret: bytes) -> None:
        """Register all encodings of a keypair (64 bytes, of which the last 32 are the public key) or of a seed (32
        bytes)."""
        seed = secret[:SEED_BYTES]
        for form in (
            base58.encode(secret),
            base58.encode(seed),
            secret.hex(),
            secret.hex().upper(),
            *base64_forms(secret),
        ):
            self._learn(form)
        self._learn_numbers([str(byte) for byte in secret])

    def learn_url(self, url: str) -> None:
        """Register the user info, path segments and query values of a URL, verbatim and in other encodings."""
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

    @contextmanager
    def hiding_url(self, url: str, shown: Iterable[str]) -> Iterator[None]:
        """Register a URL until the block ends, or permanently if it ends with an exception.

        Parts of the URL that also occur in the texts ``shown``, such as the name of a file, are not secret. Forgetting
        URLs keeps this object small when there are thousands, each of which contains long random texts.
        """
        learned = Redactor()
        learned.learn_url(url)
        for text in shown:
            learned.unlearn(text)
        parts, urls = learned._parts - self._parts, learned._urls.keys() - self._urls.keys()
        self._parts |= parts
        self._urls |= learned._urls
        yield
        self._parts -= parts
        for text in urls:
            del self._urls[text]

    def _learn(self, text: str) -> None:
        for start in range(len(text) - SHORTEST + 1):
            self._parts.add(hash(text[start : start + SHORTEST]))

    def _learn_numbers(self, numbers: Sequence[str]) -> None:
        self._parts.update(hash(row) for row in _rows(numbers))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end offsets of each part of a secret in the text."""
        parts = self._parts
        for start in range(len(text) - SHORTEST + 1):
            if hash(text[start : start + SHORTEST]) in parts:
                yield start, start + SHORTEST
        for run in NUMBERS.finditer(text):
            numbers = list(NUMBER.finditer(text, run.start(), run.end()))
            for index, row in enumerate(_rows([number[0] for number in numbers])):
                if hash(row) in parts:
                    yield numbers[index].start(), numbers[index + _NUMBERS_IN_A_ROW - 1].end()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, with overlapping and adjacent ones merged."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _rows(numbers: Sequence[str]) -> list[str]:
    """Every window of ``_NUMBERS_IN_A_ROW`` consecutive numbers, joined by commas."""
    return [",".join(numbers[i : i + _NUMBERS_IN_A_ROW]) for i in range(len(numbers) - _NUMBERS_IN_A_ROW + 1)]


def _url_forms(text: str) -> set[str]:
    """A part of a URL verbatim, percent-decoded, and in the encodings in which servers and libraries may echo it."""
    from json import dumps
    from urllib.parse import quote, unquote, unquote_plus

    plain = {text, unquote(text), unquote(text, "latin-1"), unquote_plus(text)}
    forms = set(plain)
    for form in plain:
        encoded = quote(form, safe="", errors="replace")
        forms |= {encoded, quote(form, errors="replace"), quote(encoded), dumps(form)[1:-1], repr(form)[1:-1]}
        # Mangled forms: reduced to ASCII for an HTTP header, and UTF-8 bytes decoded as Latin-1.
        forms |= {form.translate(_AS_MARKUP), form.encode("ascii", "ignore").decode("ascii")}
        forms.add(form.encode("utf-8", "replace").decode("latin-1"))
    return forms | {form.upper() for form in forms} | {form.lower() for form in forms}
